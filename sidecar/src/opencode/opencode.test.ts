import { existsSync, readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect, createServer, type Server } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseEventBody, type SidecarEventType } from "../contract";
import { healthResponse, type PromptRequest } from "../protocol";
import { ofType, textOf } from "../events/recordings.testing";
import {
  eventually,
  follow,
  makeTestSidecar,
  OPENCODE_BIN,
  scriptedProvider,
  SETTINGS,
  type TestSidecar,
} from "../instance.testing";
import { startScriptedModel, type Script, type ScriptedModel } from "./scripted-model.testing";

/** Goes on until it is stopped, however long that takes. */
const ENDLESS: Script = [[{ say: "word ".repeat(100), everyMs: 20 }, { hang: true }]];

/** Works on the real opencode, on this host, with a model on loopback and no other way out. */
describe("a session with the real opencode", { timeout: 180_000 }, () => {
  let model: ScriptedModel;
  let sidecar: TestSidecar;
  let reader: ReturnType<typeof follow>;
  let prompts = 0;
  let wayOut: Server;
  let wentOut = 0;
  let earlyPid: number | null = null;

  beforeAll(async () => {
    expect(existsSync(OPENCODE_BIN)).toBe(true);
    model = await startScriptedModel();
    wayOut = createServer((socket) => {
      wentOut += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => wayOut.listen(0, "127.0.0.1", resolve));
    sidecar = await makeTestSidecar(options());
    // The slowest registration: opencode listens already, and must take its configuration from the file written now.
    await eventually("opencode listens", () => accepts(sidecar.config.ports.opencode), 60_000);
    earlyPid = await opencodePid();
    await sidecar.register();
    reader = follow(sidecar, { epoch: 1, n: 0 });
    await ready();
  }, 180_000);

  afterAll(async () => {
    const pid = await opencodePid();
    await reader.close();
    await sidecar.close();
    await model.close();
    await new Promise((resolve) => wayOut.close(resolve));
    if (pid !== null) expect(() => process.kill(pid, 0)).toThrow();
  });

  // A test that failed half-way must not make the next ones fail.
  afterEach(() => sidecar.call("POST", "/abort", {}).then(() => undefined));

  const options = () => {
    const address = wayOut.address();
    const port = typeof address === "object" && address ? address.port : 1;
    return { opencodeBin: OPENCODE_BIN, credentialProxyPort: model.port, egressForwarderPort: port };
  };

  const health = async () => healthResponse.parse(await (await sidecar.call("GET", "/health")).json());
  const ready = () => eventually("opencode ready", async () => (await health()).agent === "ready", 60_000);

  async function send(
    script: Script | string,
    change: Partial<PromptRequest> = {},
  ): Promise<{ turnId: string; promptId: string }> {
    prompts += 1;
    const promptId = `prm_${prompts}`;
    const text = typeof script === "string" ? script : JSON.stringify(script);
    const response = await sidecar.call("POST", "/prompts", {
      promptId,
      kind: "prompt",
      text,
      settings: SETTINGS,
      ...change,
    });
    expect(response.status).toBe(200);
    return { turnId: ((await response.json()) as { turnId: string }).turnId, promptId };
  }

  const eventsOf = (turnId: string) => {
    const from = reader.events.findIndex(
      (event) => event.type === "turn.started" && event.data.turnId === turnId,
    );
    const to = reader.events.findIndex(
      (event) => event.type === "turn.ended" && event.data.turnId === turnId,
    );
    return from < 0 ? [] : reader.events.slice(from, to < 0 ? undefined : to + 1);
  };
  const ended = async (turnId: string) => {
    await eventually("turn.ended", () => eventsOf(turnId).at(-1)?.type === "turn.ended", 60_000);
    return eventsOf(turnId);
  };
  const sees = (turnId: string, type: SidecarEventType) =>
    eventually(type, () => eventsOf(turnId).some((event) => event.type === type), 60_000);

  it("goes on with the opencode that was started before the registration", async () => {
    expect(earlyPid).not.toBeNull();
    expect(await opencodePid()).toBe(earlyPid);
  });

  it("runs a prompt: text, reasoning, a tool behind a permission, and the end", async () => {
    const { turnId } = await send([
      [
        { think: "let me see " },
        { say: "I write a file. " },
        { tool: "write", args: { filePath: join(sidecar.config.workspace, "hello.txt"), content: "hi\n" } },
      ],
      [{ say: "All done." }],
    ]);
    expect((await health()).turn).toMatchObject({ turnId });
    await sees(turnId, "request.opened");
    expect(existsSync(join(sidecar.config.workspace, "hello.txt"))).toBe(false);
    const request = ofType(eventsOf(turnId), "request.opened")[0];
    expect(request).toMatchObject({ kind: "permission", title: "Edit hello.txt" });
    const reply = await sidecar.call("POST", `/requests/${request?.requestId}/reply`, { reply: "once" });
    expect(await reply.json()).toEqual({ delivered: true, gone: false });
    const events = await ended(turnId);
    expect(ofType(events, "turn.ended")[0]).toMatchObject({ outcome: "done" });
    expect(await readFile(join(sidecar.config.workspace, "hello.txt"), "utf8")).toBe("hi\n");
    const texts = ofType(events, "part.started").filter(
      (part) => part.kind === "text" || part.kind === "reasoning",
    );
    expect(texts.map((part) => textOf(events, part.partId)).slice(1)).toEqual([
      "let me see ",
      "I write a file. ",
      "All done.",
    ]);
    expect(ofType(events, "usage.updated")).toHaveLength(2);
    for (const event of events) parseEventBody(event.type, event.data);
    expect(events.map((event) => event.n)).toEqual(events.map((_, i) => (events[0]?.n ?? 0) + i));
    // A title was given, so no model was asked for one; and opencode never saw a key.
    expect(model.calls.map((call) => call.authorization)).toEqual(["Bearer oa-managed", "Bearer oa-managed"]);
    // Answering again finds nobody waiting.
    expect(
      await (await sidecar.call("POST", `/requests/${request?.requestId}/reply`, { reply: "once" })).json(),
    ).toEqual({ delivered: false, gone: true });
  });

  it("gives the same prompt the same turn, and refuses another while one runs", async () => {
    const { turnId, promptId } = await send(ENDLESS);
    const again = await sidecar.call("POST", "/prompts", {
      promptId,
      kind: "prompt",
      text: "other",
      settings: SETTINGS,
    });
    expect(await again.json()).toEqual({ turnId });
    const busy = await sidecar.call("POST", "/prompts", {
      promptId: "prm_other",
      kind: "prompt",
      text: "x",
      settings: SETTINGS,
    });
    expect([busy.status, ((await busy.json()) as { code: string }).code]).toEqual([409, "busy"]);
    await sidecar.call("POST", "/abort", {});
    await ended(turnId);
    expect(
      await (
        await sidecar.call("POST", "/prompts", { promptId, kind: "prompt", text: "x", settings: SETTINGS })
      ).json(),
    ).toEqual({ turnId });
    expect(ofType(reader.events, "turn.started").filter((turn) => turn.promptId === promptId)).toHaveLength(
      1,
    );
  });

  it("stops a turn in the middle of its text", async () => {
    const { turnId } = await send(ENDLESS);
    await sees(turnId, "part.delta");
    expect(await (await sidecar.call("POST", "/abort", {})).json()).toMatchObject({ aborted: true });
    const events = await ended(turnId);
    expect(ofType(events, "turn.ended")[0]).toEqual({
      turnId,
      promptId: expect.any(String) as string,
      outcome: "aborted",
    });
    expectAllClosed(events);
  });

  it("runs the prompt that comes on the heels of an abort", async () => {
    for (let round = 0; round < 6; round += 1) {
      const { turnId } = await send(ENDLESS);
      await sees(turnId, "part.delta");
      await sidecar.call("POST", "/abort", {});
      const next = await send([[{ say: `round ${round}` }]]);
      const events = await ended(next.turnId);
      expect(ofType(events, "turn.ended")[0]?.outcome).toBe("done");
      const said = ofType(events.slice(3), "part.delta").map(({ text }) => text);
      expect(said.join("")).toBe(`round ${round}`);
    }
  });

  it("runs the prompt after an abort that hit opencode while it was loading, wherever it hit", async () => {
    for (let round = 0; round < 12; round += 1) {
      const providers = [{ ...scriptedProvider(), name: `Loaded anew ${round}` }];
      await sidecar.call("POST", "/credentials", await sidecar.seal("credentials", { providers }));
      await send(ENDLESS);
      await delay(round * 20);
      await sidecar.call("POST", "/abort", {});
      const next = await send([[{ say: `round ${round}` }]]);
      const [end] = ofType(await ended(next.turnId), "turn.ended");
      expect(end, `aborted after ${round * 20} ms`).toMatchObject({ outcome: "done" });
    }
  });

  it("withdraws the open request of a turn that is stopped", async () => {
    const { turnId } = await send([[{ tool: "bash", args: { command: "echo never", description: "d" } }]]);
    await sees(turnId, "request.opened");
    await sidecar.call("POST", "/abort", {});
    const events = await ended(turnId);
    expect(ofType(events, "request.closed")).toMatchObject([{ outcome: "withdrawn" }]);
    expectAllClosed(events);
  });

  it("runs a shell command without a model", async () => {
    const before = model.calls.length;
    const { turnId } = await send("echo out; exit 0", { kind: "shell" });
    const events = await ended(turnId);
    const tool = ofType(events, "tool.ended")[0];
    expect(tool).toMatchObject({ tool: "bash", status: "completed" });
    expect(textOf(events, tool?.partId ?? "")).toContain("out");
    expect(ofType(events, "turn.ended")[0]?.outcome).toBe("done");
    expect(model.calls.length).toBe(before);
  });

  it("stops a shell command", async () => {
    const { turnId } = await send("echo begun; sleep 600", { kind: "shell" });
    await sees(turnId, "tool.output");
    await sidecar.call("POST", "/abort", {});
    expect(ofType(await ended(turnId), "turn.ended")[0]?.outcome).toBe("aborted");
  });

  it("follows a new permission mode and model at the next prompt, without a restart", async () => {
    const settings = {
      ...SETTINGS,
      permissionMode: "auto" as const,
      model: { providerId: "scripted", modelId: "m2" },
    };
    const { turnId } = await send(
      [[{ tool: "bash", args: { command: "echo free", description: "d" } }], [{ say: "ok" }]],
      { settings },
    );
    const events = await ended(turnId);
    expect(ofType(events, "request.opened")).toEqual([]);
    expect(ofType(events, "tool.ended")[0]).toMatchObject({ status: "completed", exitCode: 0 });
    expect(model.calls.at(-1)?.model).toBe("m2");
  });

  it("ends a turn that the provider refuses with what to do", async () => {
    const { turnId } = await send([[{ status: 401 }]]);
    const end = ofType(await ended(turnId), "turn.ended")[0];
    expect(end).toMatchObject({ outcome: "error", error: { code: "provider_auth" } });
  });

  it("ends a turn for an agent or a model that does not exist", async () => {
    const agent = await send("hi", { settings: { ...SETTINGS, agent: "nobody" } });
    expect(ofType(await ended(agent.turnId), "turn.ended")[0]).toMatchObject({
      outcome: "error",
      error: { code: "agent_not_found" },
    });
    const unknown = await send("hi", {
      settings: { ...SETTINGS, model: { providerId: "scripted", modelId: "m9" } },
    });
    expect(ofType(await ended(unknown.turnId), "turn.ended")[0]).toMatchObject({
      outcome: "error",
      error: { code: "model_not_found" },
    });
  });

  it("takes new providers between turns", async () => {
    const base = scriptedProvider();
    const providers = [
      { ...base, models: base.models.map((entry) => ({ ...entry, id: entry.id.replace("m1", "m3") })) },
    ];
    const applied = await sidecar.call(
      "POST",
      "/credentials",
      await sidecar.seal("credentials", { providers }),
    );
    expect(await applied.json()).toEqual({ applied: "now" });
    const { turnId } = await send("hi", {
      settings: { ...SETTINGS, model: { providerId: "scripted", modelId: "m3" } },
    });
    expect(ofType(await ended(turnId), "turn.ended")[0]?.outcome).toBe("done");
    await sidecar.call("POST", "/credentials", await sidecar.seal("credentials", { providers: [base] }));
  });

  it("closes a turn as interrupted when opencode is killed, and goes on with the next prompt", async () => {
    const { turnId } = await send(ENDLESS);
    await sees(turnId, "part.delta");
    const pid = await opencodePid();
    expect(pid).not.toBeNull();
    process.kill(pid ?? 0, "SIGKILL");
    const events = await ended(turnId);
    expect(ofType(events, "turn.ended")[0]).toMatchObject({
      outcome: "interrupted",
      error: { code: "agent_interrupted" },
    });
    expectAllClosed(events);
    await eventually(
      "the old opencode gone",
      async () => (await health()).agent !== "ready" || (await opencodePid()) !== pid,
      60_000,
    );
    await ready();
    const next = await send("still there?");
    expect(ofType(await ended(next.turnId), "turn.ended")[0]?.outcome).toBe("done");
  });

  it("has what opencode stored up to the moment it was killed, and runs no tool again", async () => {
    const settings = { ...SETTINGS, permissionMode: "auto" as const };
    const before = model.calls.length;
    const command = "echo once >> runs.txt; cat runs.txt";
    const { turnId } = await send(
      [
        [{ say: "First I look. " }, { tool: "bash", args: { command, description: "d" } }],
        [{ say: "never ends " }, { hang: true }],
      ],
      { settings },
    );
    // opencode has the tool's result stored when it asks the model what is next.
    await eventually("the second call", () => model.calls.length === before + 2, 60_000);
    process.kill((await opencodePid()) ?? 0, "SIGKILL");
    const events = await ended(turnId);
    expect(ofType(events, "turn.ended")[0]).toMatchObject({ outcome: "interrupted" });
    expectAllClosed(events);
    expect(ofType(events, "tool.ended")).toMatchObject([{ tool: "bash", status: "completed" }]);
    const said = ofType(events, "part.started").filter(({ kind }) => kind === "text" || kind === "tool");
    expect(said.map(({ partId }) => textOf(events, partId).trim())).toEqual(
      expect.arrayContaining(["First I look.", "once"]),
    );
    await ready();
    expect(await readFile(join(sidecar.config.workspace, "runs.txt"), "utf8")).toBe("once\n");
  });

  it("goes on in a new container over the same data", async () => {
    await reader.close();
    await sidecar.stop();
    const last = ofType(reader.events, "turn.ended").length;
    sidecar = await makeTestSidecar({ ...options(), dir: sidecar.dir });
    await sidecar.register({ epoch: 2 });
    reader = follow(sidecar, { epoch: 1, n: 0 });
    await ready();
    await eventually(
      "the events of the first epoch",
      () => ofType(reader.events, "turn.ended").length === last,
    );
    const { turnId } = await send("in the new container");
    const events = await ended(turnId);
    expect(ofType(events, "turn.ended")[0]?.outcome).toBe("done");
    expect(events.every((event) => event.epoch === 2)).toBe(true);
    await rm(join(sidecar.config.workspace, "hello.txt"), { force: true });
  });

  it("has made no attempt to reach the Internet", () => {
    expect(wentOut).toBe(0);
  });
});

describe("an instance that nobody registers", () => {
  it("leaves no opencode behind when it ends", async () => {
    const sidecar = await makeTestSidecar({ opencodeBin: OPENCODE_BIN });
    const pid = await eventually("opencode spawned", opencodePid);
    await sidecar.close();
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});

/** The opencode that this process started. */
async function opencodePid(): Promise<number | null> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, "utf8").catch(() => "");
  const pids = children.split(" ").map(Number);
  return pids.find((pid) => pid > 0 && isOpencode(pid)) ?? null;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function isOpencode(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("opencode\0serve");
  } catch {
    // Ended meanwhile.
    return false;
  }
}

function expectAllClosed(events: Parameters<typeof ofType>[0]): void {
  const open = new Set<string>();
  for (const { type, data } of events) {
    if (type === "message.started") open.add(data.messageId);
    if (type === "part.started") open.add(data.partId);
    if (type === "message.ended") open.delete(data.messageId);
    if (type === "part.ended" || type === "tool.ended") open.delete(data.partId);
  }
  expect([...open]).toEqual([]);
}
