import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SessionEvent } from "../sidecar/src/contract";
import { followEvents } from "../src/client/index";
import {
  containersOf,
  docker,
  type Product,
  readEvents,
  ROOT,
  runTurn,
  sessionIs,
  spokenText,
  startProduct,
  until,
} from "./harness";

describe("faults", () => {
  let product: Product;
  beforeAll(async () => {
    product = await startProduct();
  });
  afterAll(async () => product?.close());

  const newSession = async (permissionMode: "ask" | "auto" = "auto") => {
    const { id } = await product.client.sessions.create.mutate({ permissionMode });
    await sessionIs(product.client, id, "idle");
    return id;
  };
  const remove = (id: string) => product.client.sessions.remove.mutate({ id });

  it("says within 5 s that a container was killed from outside, why, and resumes with its files", async () => {
    const id = await newSession();
    await runTurn(product.client, { sessionId: id, text: "echo kept > kept.txt", kind: "shell" });
    const [container] = await containersOf(product.instance);
    await docker("kill", container ?? "");
    await until(
      async () => (await product.client.sessions.get.query({ id })).status === "error",
      5_000,
      "status error",
    );
    const session = await product.client.sessions.get.query({ id });
    expect(session.reason).toMatchObject({
      code: "container_died",
      message: expect.stringContaining("Resume") as string,
    });
    await product.client.sessions.resume.mutate({ id });
    await sessionIs(product.client, id, "idle");
    const files = await runTurn(product.client, { sessionId: id, text: "cat kept.txt", kind: "shell" });
    expect(outputOf(files.events)).toContain("kept");
    await remove(id);
  });

  it("loses and repeats nothing when the server is killed in the middle of a stream", async () => {
    const id = await newSession();
    const words = Array.from({ length: 120 }, (_, i) => `w${i}`);
    const script = `#script\ndelay 40\nsay ${words.join(" ")}`;
    const { promptId } = await product.client.prompts.send.mutate({
      sessionId: id,
      text: script,
      key: randomUUID(),
    });
    for (let kills = 0; kills < 2; kills += 1) {
      await streamed(id);
      const [container] = await containersOf(product.instance);
      await product.stop("SIGKILL");
      await product.start();
      expect(await containersOf(product.instance)).toEqual([container]);
    }
    const events = await eventsUntilTurnEnds(id, promptId);
    expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
    expect(spokenText(events).trim().split(/\s+/)).toEqual(words);
    expect(events.filter((e) => e.type === "turn.started")).toHaveLength(1);
    expect(events.filter((e) => e.type === "turn.ended")).toHaveLength(1);
    await remove(id);
  });

  it("ends on SIGTERM within 5 s with a stream open, leaves the session running, and goes on with it", async () => {
    const id = await newSession();
    const follow = new AbortController();
    const reading = (async () => {
      for await (const event of followEvents(product.client, {
        sessionId: id,
        afterSeq: 0,
        signal: follow.signal,
      }))
        void event;
    })();
    expect(await product.stop()).toBeLessThan(5_000);
    expect(await containersOf(product.instance)).toHaveLength(1);
    follow.abort();
    await reading;
    await product.start();
    expect((await product.client.sessions.get.query({ id })).status).toBe("idle");
    expect((await runTurn(product.client, { sessionId: id, text: "#script\nsay onward" })).text).toContain(
      "onward",
    );
    await remove(id);
  });

  it("refuses a second server on the same data directory with a sentence", async () => {
    const second = spawn(process.execPath, ["dist/server/main.mjs"], {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_ENV: "production",
        PORT: new URL(product.url).port,
        OPENAGENT_DATA_DIR: product.dataDir,
        OPENAGENT_INSTANCE: product.instance,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    second.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    second.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise((resolve) => second.once("exit", resolve));
    expect(code).not.toBe(0);
    expect(output).toContain("Another OpenAgent server uses");
  });

  it("tells a provider's refusal, throttling and broken stream apart, with what to do", async () => {
    const id = await newSession();
    const refused = await runTurn(product.client, { sessionId: id, text: "#script\nfail 401" });
    expect(errorOf(refused.events)).toMatchObject({
      code: "provider_auth",
      message: expect.stringMatching(/key/i) as string,
    });
    expect(refused.outcome).toBe("error");
    const again = await runTurn(product.client, { sessionId: id, text: "#script\nsay recovered" });
    expect(again.text).toContain("recovered");

    for (const [failure, code] of [
      ["500", "provider_unavailable"],
      ["429", "provider_rate_limited"],
      ["cut", "provider_cut"],
    ]) {
      const text = `#script\nfail ${failure}`;
      const { promptId } = await product.client.prompts.send.mutate({
        sessionId: id,
        text,
        key: randomUUID(),
      });
      await until(
        async () => retryOf(promptId, await read(id)) !== undefined,
        60_000,
        `a notice for ${failure}`,
      );
      expect(retryOf(promptId, lastRead)).toMatchObject({
        code,
        message: expect.stringMatching(/tries again by itself at .+ stop the turn and .+\.$/) as string,
      });
      await product.client.prompts.abort.mutate({ sessionId: id });
      await eventsUntilTurnEnds(id, promptId);
    }
    await remove(id);
  });

  it("refuses an empty prompt, takes one of 1 MiB, refuses more", async () => {
    const id = await newSession();
    const send = (text: string) =>
      product.client.prompts.send.mutate({ sessionId: id, text, key: randomUUID() });
    await expect(send("   ")).rejects.toMatchObject({
      data: { code: "BAD_REQUEST" },
      message: expect.stringContaining("empty") as string,
    });
    await expect(send("x".repeat(1024 * 1024 + 1))).rejects.toMatchObject({
      message: expect.stringContaining("1 MiB") as string,
    });
    const large = `#script\nsay got it\n${"x".repeat(1024 * 1024 - 30)}`;
    const { promptId } = await send(large);
    await eventsUntilTurnEnds(id, promptId);
    await remove(id);
  });

  it("runs a prompt once, however often its key comes", async () => {
    const id = await newSession();
    const key = randomUUID();
    const send = () =>
      product.client.prompts.send.mutate({ sessionId: id, text: "#script\nsay once only", key });
    const answers = await Promise.all([send(), send(), send()]);
    expect(new Set(answers.map((a) => a.promptId)).size).toBe(1);
    await eventsUntilTurnEnds(id, answers[0]?.promptId ?? "");
    expect(await send()).toEqual(answers[0]);
    const events = await read(id);
    expect(events.filter((e) => e.type === "turn.started")).toHaveLength(1);
    await remove(id);
  });

  let lastRead: SessionEvent[] = [];

  async function read(id: string): Promise<SessionEvent[]> {
    lastRead = await readEvents(product.client, id);
    return lastRead;
  }

  async function streamed(id: string): Promise<void> {
    const before = (await read(id)).length;
    await until(
      async () =>
        (await read(id)).filter((e) => e.type === "part.delta").length > 0 && lastRead.length > before + 3,
      30_000,
      "more of the stream",
    );
  }

  async function eventsUntilTurnEnds(id: string, promptId: string): Promise<SessionEvent[]> {
    const ended = (events: SessionEvent[]) =>
      events.some((e) => e.type === "turn.ended" && e.data.promptId === promptId);
    await until(async () => ended(await read(id)), 60_000, "the turn's end");
    return lastRead;
  }
});

/** The first retry after the prompt was sent. */
function retryOf(promptId: string, events: SessionEvent[]): unknown {
  const sent = events.findIndex((e) => e.type === "prompt.queued" && e.data.promptId === promptId);
  return sent < 0 ? undefined : events.slice(sent).find((e) => e.type === "retry.scheduled")?.data;
}

function outputOf(events: SessionEvent[]): string {
  return events.flatMap((e) => (e.type === "tool.output" ? [e.data.suffix] : [])).join("");
}

function errorOf(events: SessionEvent[]): unknown {
  return events.find((e) => e.type === "error")?.data;
}
