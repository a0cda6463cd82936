import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Failure, spooledEvent, type SpooledEvent } from "../contract";
import { SidecarError } from "../errors";
import { Spool } from "../events/spool";
import { createLog } from "../log";
import { inRequest } from "../request-scope";
import type { AgentClient } from "../opencode/client";
import type { AgentEvent, AgentHistory } from "../opencode/wire";
import type { AgentSetup } from "./agent-setup";
import { Turns } from "./turns";

const SESSION = "ses_turns";
const asked: AgentEvent = {
  type: "permission.asked",
  properties: {
    id: "per_missed",
    sessionID: SESSION,
    permission: "bash",
    patterns: ["ls"],
    always: [],
    metadata: { command: "ls" },
  },
};

describe("turns", () => {
  let dir: string;
  let spool: Spool;
  let turns: Turns;
  let waiting: AgentEvent[];
  /** What opencode has stored, by session. */
  let history: Record<string, AgentHistory>;
  let answer: () => Promise<boolean>;
  let sweep: () => Promise<void>;
  let loading: () => Promise<void>;
  let isBusy: boolean;
  let changing: () => Promise<void>;
  let sending: () => Promise<void>;
  let restart: () => void;
  /** Why opencode does not run. */
  let down: Failure | null;
  /** What opencode was told, in order: prompts, and the changes that may reload it. */
  let told: string[];
  let lines: Record<string, unknown>[];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "openagent-turns-"));
    lines = [];
    const log = createLog((line) => void lines.push(JSON.parse(line) as Record<string, unknown>));
    spool = await Spool.open({ dir, log });
    await spool.openEpoch(1, null);
    [waiting, told, isBusy, down, history] = [[], [], true, null, {}];
    answer = async () => true;
    sweep = async () => undefined;
    loading = async () => undefined;
    sending = async () => undefined;
    changing = async () => undefined;
    restart = () => void told.push("restart");
    const client: Partial<AgentClient> = {
      prompt: async ({ text }) => {
        told.push(text);
        await sending();
      },
      abort: async () => void told.push("abort"),
      reply: () => answer(),
      isBusy: async () => isBusy,
      history: async (sessionId) => history[sessionId] ?? [],
      waiting: async () => waiting,
    };
    const setup: Partial<AgentSetup> = {
      change: async ({ providers }) => {
        await changing();
        if (providers) told.push("providers");
      },
      loadProviders: async () => {
        told.push("load");
        await loading();
      },
    };
    turns = new Turns({
      sessionId: SESSION,
      workspace: dir,
      spool,
      setup: setup as AgentSetup,
      log,
      agent: {
        client: () => (down ? null : (client as AgentClient)),
        reason: () => down,
        restart: () => restart(),
      },
      sweep: () => sweep(),
    });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    turns.close();
    await spool.close();
    await rm(dir, { recursive: true, force: true });
  });

  const submit = (promptId: string) =>
    turns.submit({
      promptId,
      kind: "prompt",
      text: promptId,
      settings: {
        model: { providerId: "demo", modelId: "demo-1" },
        agent: "build",
        permissionMode: "ask",
        title: "T",
      },
    });
  const idle = async () => {
    const status = (type: "busy" | "idle"): AgentEvent => ({
      type: "session.status",
      properties: { sessionID: SESSION, status: { type } },
    });
    turns.onAgentEvent(status("busy"));
    turns.onAgentEvent({ type: "session.idle", properties: { sessionID: SESSION } });
    await expect.poll(() => turns.current).toBeNull();
  };
  const stored = async () => {
    await spool.flush();
    const found: SpooledEvent[] = [];
    for await (const batch of spool.readAfter({ epoch: 1, n: 0 }, AbortSignal.timeout(5000), 1)) {
      if (batch === null) break;
      found.push(...batch.lines.map((line) => spooledEvent.parse(JSON.parse(line))));
    }
    return found;
  };
  const closedRequests = async () => (await stored()).filter((event) => event.type === "request.closed");
  const ends = async () =>
    (await stored()).flatMap((event) => (event.type === "turn.ended" ? [event.data] : []));

  it("tells in the log whose request a prompt came by, to the turn's end", async () => {
    const { turnId } = await inRequest("rq_0123456789abcdef", () => submit("prm_1"));
    await expect.poll(() => told).toContain("prm_1");
    await inRequest("rq_of_somebody_else", idle);
    const place = { requestId: "rq_0123456789abcdef", promptId: "prm_1", turnId };
    expect(lines).toMatchObject([
      { message: "opencode has the prompt", ...place },
      { message: "turn ended", ...place, outcome: "done" },
    ]);
  });

  it("says why it takes no prompt while opencode does not run, and begins no turn", async () => {
    down = {
      code: "agent_failed",
      message: "The agent did not start: restart the session.",
      detail: "exit 1",
    };
    await expect(submit("prm_1")).rejects.toMatchObject({
      code: "not_ready",
      message: down.message,
      detail: "exit 1",
    });
    expect(turns.current).toBeNull();
    down = null;
    await submit("prm_1");
    expect(turns.current).toMatchObject({ promptId: "prm_1" });
  });

  it("opens a request that was asked while no events came, once", async () => {
    await submit("prm_1");
    expect(spool.state.requestKind("req_per_missed")).toBeNull();
    waiting = [asked];
    await turns.onGap();
    await turns.onGap();
    expect(spool.state.requestKind("req_per_missed")).toBe("permission");
    expect(spool.state.closers("aborted", 0).filter((event) => event.type === "request.closed")).toHaveLength(
      1,
    );
  });

  it("does not call an answered request withdrawn when the turn ends before the answer is confirmed", async () => {
    await submit("prm_1");
    turns.onAgentEvent(asked);
    let confirm = (_delivered: boolean) => {};
    answer = () => new Promise((resolve) => (confirm = resolve));
    const replies = [1, 2].map(() => turns.reply("req_per_missed", { reply: "once" }));
    await idle();
    confirm(true);
    const done = { delivered: true, gone: false };
    expect(await Promise.all(replies)).toEqual([done, done]);
    expect(await closedRequests()).toEqual([]);
    expect(await turns.reply("req_per_missed", { reply: "once" })).toEqual({ delivered: false, gone: true });
  });

  it("has a request open again when its answer fails, unless its turn has ended", async () => {
    await submit("prm_1");
    turns.onAgentEvent(asked);
    answer = () => Promise.reject(new Error("refused"));
    await expect(turns.reply("req_per_missed", { reply: "once" })).rejects.toThrow("refused");
    expect(spool.state.requestKind("req_per_missed")).toBe("permission");
    let fail = (_error: Error) => {};
    answer = () => new Promise((_, reject) => (fail = reject));
    const late = turns.reply("req_per_missed", { reply: "once" });
    await idle();
    fail(new Error("too late"));
    await expect(late).rejects.toThrow("too late");
    expect(spool.state.requestKind("req_per_missed")).toBeNull();
  });

  it("has the providers loaded before the prompt is sent", async () => {
    let loaded = () => {};
    loading = () => new Promise((resolve) => (loaded = resolve));
    await submit("prm_1");
    await expect.poll(() => told).toEqual(["load"]);
    loaded();
    await expect.poll(() => told).toEqual(["load", "prm_1"]);
  });

  it("ends a turn that is stopped while the providers load at once, lets them load, and sends nothing", async () => {
    let loaded = () => {};
    loading = () => new Promise((resolve) => (loaded = resolve));
    await submit("prm_1");
    await expect.poll(() => told).toEqual(["load"]);
    expect(await turns.abort()).toEqual({ aborted: true, known: false });
    expect(turns.current).toBeNull();
    loaded();
    loading = async () => undefined;
    await submit("prm_2");
    await expect.poll(() => told).toEqual(["load", "load", "prm_2"]);
  });

  it("ends a turn for which the providers cannot be loaded, with the error", async () => {
    loading = () => Promise.reject(new Error("no providers"));
    await submit("prm_1");
    await expect.poll(() => turns.current).toBeNull();
    expect(told).toEqual(["load"]);
    expect(await ends()).toMatchObject([{ outcome: "error", error: { code: "agent_error" } }]);
  });

  it("stops a prompt whose call got no answer, as opencode may have taken it, and tells the failure", async () => {
    sending = () => {
      isBusy = false;
      return Promise.reject(new SidecarError("agent_silent", "No answer.", "prompt: timeout"));
    };
    await submit("prm_1");
    await expect.poll(() => turns.current, { timeout: 5000 }).toBeNull();
    expect(told).toEqual(["load", "prm_1", "abort"]);
    const error = { code: "agent_error", detail: "prompt: timeout" };
    expect(await ends()).toMatchObject([{ outcome: "error", error }]);
  });

  it("starts opencode again when it neither answers a prompt's call nor comes to rest", async () => {
    sending = () => Promise.reject(new SidecarError("agent_silent", "No answer."));
    restart = () => {
      told.push("restart");
      void turns.onAgentDown().then(() => turns.onAgentBack());
    };
    await submit("prm_1");
    await expect.poll(() => turns.current, { timeout: 15_000 }).toBeNull();
    expect(told).toEqual(["load", "prm_1", "abort", "abort", "abort", "abort", "restart"]);
    expect(await ends()).toMatchObject([{ outcome: "interrupted" }]);
  }, 20_000);

  it("says that the disk is full where opencode fails for it and does not know why", async () => {
    await submit("prm_1");
    await expect.poll(() => told).toEqual(["load", "prm_1"]);
    vi.spyOn(spool, "noRoom", "get").mockReturnValue("ENOSPC");
    const error = { name: "UnknownError", data: { message: "Failed to execute statement" } };
    turns.onAgentEvent({ type: "session.error", properties: { sessionID: SESSION, error } });
    isBusy = false;
    const full = { code: "spool", message: expect.stringContaining("free disk space") as string };
    await expect.poll(ends).toMatchObject([{ outcome: "error", error: { ...full, detail: "ENOSPC" } }]);
  });

  it("ends a turn whose events find no room on the disk, with what to do", async () => {
    await submit("prm_1");
    await expect.poll(() => told).toEqual(["load", "prm_1"]);
    const overfull = vi.spyOn(spool, "overfull", "get").mockReturnValue(true);
    vi.spyOn(spool, "problem", "get").mockReturnValue("ENOSPC");
    isBusy = false;
    for (let i = 0; i < 3; i += 1) turns.onAgentEvent(asked);
    await expect.poll(() => turns.current, { timeout: 5000 }).toBeNull();
    expect(overfull).toHaveBeenCalledTimes(3);
    expect(told).toEqual(["load", "prm_1", "abort"]);
    const message = expect.stringContaining("free disk space") as string;
    expect(await ends()).toMatchObject([{ outcome: "error", error: { code: "spool", message } }]);
  });

  it("aborts nothing for a prompt that opencode refused with an answer", async () => {
    sending = () => Promise.reject(new SidecarError("agent_failed", "Refused.", "prompt: 400"));
    await submit("prm_1");
    await expect.poll(() => turns.current).toBeNull();
    expect(told).toEqual(["load", "prm_1"]);
    expect(await ends()).toMatchObject([{ outcome: "error", error: { detail: "prompt: 400" } }]);
  });

  it("tells what a complete answer used, though opencode is gone before it came to rest", async () => {
    await submit("prm_1");
    const time = { created: Date.now(), completed: Date.now() };
    const tokens = { input: 5, output: 3, reasoning: 0, cache: { read: 0, write: 0 } };
    const info = { id: "msg_1", sessionID: SESSION, role: "assistant" as const, time, tokens };
    const model = { providerID: "demo", modelID: "demo-1" };
    turns.onAgentEvent({ type: "message.updated", properties: { info: { ...info, ...model } } });
    await turns.onAgentDown();
    await turns.onAgentBack();
    const types = (await stored()).map((event) => event.type);
    expect(types.slice(-3)).toEqual(["message.ended", "usage.updated", "turn.ended"]);
  });

  const answer1 = (parts: AgentHistory[number]["parts"]): AgentHistory => {
    const time = { created: Date.now() };
    return [{ info: { id: "msg_1", sessionID: SESSION, role: "assistant", time }, parts }];
  };
  const place = { messageID: "msg_1", sessionID: SESSION };
  const tool = (
    status: "running" | "completed",
    over: object = {},
  ): AgentHistory[number]["parts"][number] => ({
    ...{ ...place, id: "prt_tool", type: "tool", tool: "task", callID: "c1" },
    state: { status, input: { prompt: "p" }, ...over },
  });
  const startsToSay = async (text: string) => {
    await submit("prm_1");
    await expect.poll(() => told).toEqual(["load", "prm_1"]);
    const [first] = answer1([]);
    if (first) turns.onAgentEvent({ type: "message.updated", properties: { info: first.info } });
    const part = { ...place, id: "prt_1", type: "text" as const, text };
    turns.onAgentEvent({ type: "message.part.updated", properties: { part } });
  };
  const textOfPart = async (partId: string) => {
    let text = "";
    for (const { type, data } of await stored()) {
      const { partId: id, text: piece } = data as { partId?: string; text?: string };
      if (id === partId && piece !== undefined) text = type === "part.ended" ? piece : text + piece;
    }
    return text;
  };

  it("tells what opencode stored before it was killed and did not tell, then ends the turn as interrupted", async () => {
    await startsToSay("Half a ");
    down = { code: "agent_failed", message: "It stopped." };
    await turns.onAgentDown();
    expect(await ends()).toEqual([]);
    down = null;
    const time = { start: 1, end: 2 };
    history[SESSION] = answer1([
      { ...place, id: "prt_1", type: "text", text: "Half a sentence.", time },
      tool("completed", { output: "done\n", title: "ran", time }),
    ]);
    await turns.onAgentBack();
    expect(await textOfPart("prt_1")).toBe("Half a sentence.");
    const events = await stored();
    expect(events.filter(({ type }) => type === "tool.ended")).toMatchObject([
      { data: { status: "completed" } },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "turn.ended", data: { outcome: "interrupted" } });
    expect(told.filter((text) => text === "prm_1")).toHaveLength(1);
    await turns.onAgentBack();
    expect(await ends()).toHaveLength(1);
  });

  it("keeps what was streamed of a text that opencode did not store", async () => {
    await startsToSay("Only streamed");
    await turns.onAgentDown();
    history[SESSION] = answer1([{ ...place, id: "prt_1", type: "text", text: "" }, tool("running")]);
    await turns.onAgentBack();
    expect(await textOfPart("prt_1")).toBe("Only streamed");
    expect((await stored()).filter(({ type }) => type === "tool.ended")).toMatchObject([
      { data: { status: "error" } },
    ]);
    expect(spool.state.hasOpenItems).toBe(false);
  });

  it("asks what a sub-agent had stored too", async () => {
    await startsToSay("Asking. ");
    await turns.onAgentDown();
    history[SESSION] = answer1([tool("running", { metadata: { sessionId: "ses_child" } })]);
    const info = {
      id: "msg_c",
      sessionID: "ses_child",
      role: "assistant" as const,
      time: { created: Date.now() },
    };
    const part = { id: "prt_c", messageID: "msg_c", sessionID: "ses_child", type: "text" as const };
    history.ses_child = [{ info, parts: [{ ...part, text: "From below.", time: { start: 1, end: 2 } }] }];
    await turns.onAgentBack();
    expect(await textOfPart("prt_c")).toBe("From below.");
    expect((await stored()).filter(({ type }) => type.startsWith("child."))).toMatchObject([
      { type: "child.started", data: { childId: "ses_child" } },
      { type: "child.ended", data: { childId: "ses_child" } },
    ]);
  });

  it("ends a cut turn when opencode does not come back, and at once when it is stopped", async () => {
    await startsToSay("a");
    await turns.onAgentDown();
    await turns.onAgentDown();
    expect(await ends()).toMatchObject([{ outcome: "interrupted" }]);
    await submit("prm_2");
    await expect.poll(() => told).toContain("prm_2");
    await turns.onAgentDown();
    expect(await turns.abort()).toMatchObject({ aborted: true });
    expect((await ends()).at(-1)).toMatchObject({ outcome: "aborted" });
    expect(told).not.toContain("abort");
  });

  /** As an older process left it in the spool. */
  const leftOpen = () => {
    const said = { messageId: "msg_1", partId: "prt_1" };
    spool.append([
      { type: "turn.started", data: { turnId: "trn_old", promptId: "prm_old" } },
      { type: "message.started", data: { messageId: "msg_1", role: "assistant", turnId: "trn_old" } },
      { type: "part.started", data: { ...said, kind: "text", text: "Half a " } },
    ]);
    history[SESSION] = answer1([
      { ...place, id: "prt_1", type: "text", text: "Half a sentence.", time: { start: 1, end: 2 } },
      tool("running"),
    ]);
  };

  it("takes up a turn that was left open: tells what is missing of it, ends it once and begins none meanwhile", async () => {
    leftOpen();
    turns.takeUp();
    expect(turns.isTakingUp).toBe(true);
    await expect(submit("prm_1")).rejects.toMatchObject({ code: "busy" });
    expect(await submit("prm_old")).toEqual({ turnId: "trn_old" });
    await turns.onAgentBack();
    await expect.poll(() => turns.isTakingUp).toBe(false);
    expect(await textOfPart("prt_1")).toBe("Half a sentence.");
    expect((await stored()).map(({ type }) => type)).toEqual([
      ...["turn.started", "message.started", "part.started"],
      ...["part.delta", "part.ended", "part.started", "tool.input", "tool.ended", "message.ended"],
      "turn.ended",
    ]);
    expect(await ends()).toMatchObject([{ turnId: "trn_old", promptId: "prm_old", outcome: "interrupted" }]);
    expect(told).toEqual([]);
    const before = await stored();
    turns.takeUp();
    await turns.onAgentBack();
    expect(await stored()).toEqual(before);
    await submit("prm_1");
    await expect.poll(() => told).toContain("prm_1");
  });

  it("leaves a turn open as the sidecar ends, for the next one to end with all that opencode stored; not one that is being stopped", async () => {
    await submit("prm_1");
    await expect.poll(() => told).toEqual(["load", "prm_1"]);
    turns.close();
    expect(await ends()).toEqual([]);
    expect(spool.state.told()).toMatchObject({ promptId: "prm_1" });
    void turns.abort("prm_1");
    turns.close();
    expect(await ends()).toMatchObject([{ promptId: "prm_1", outcome: "aborted" }]);
  });

  it("has taken a turn up once its end is written: nobody finds it over before, and ends it again", async () => {
    leftOpen();
    turns.takeUp();
    const down = turns.onAgentDown();
    expect([turns.current, turns.isTakingUp]).toEqual([null, true]);
    await down;
    await expect.poll(() => turns.isTakingUp).toBe(false);
    expect(await ends()).toMatchObject([{ turnId: "trn_old" }]);
  });

  it("ends a turn that was left open with what it has when opencode does not start, or is stopped before", async () => {
    for (const [end, outcome] of [
      [() => turns.onAgentDown(), "interrupted"],
      [() => turns.abort("prm_old"), "aborted"],
    ] as const) {
      leftOpen();
      turns.takeUp();
      await end();
      await expect.poll(() => turns.isTakingUp).toBe(false);
      expect((await ends()).at(-1)).toMatchObject({ turnId: "trn_old", outcome });
      expect(spool.state.hasOpenItems).toBe(false);
    }
    expect((await stored()).map(({ type }) => type)).not.toContain("part.delta");
  });

  it("refuses a prompt that was stopped before it came, and leaves another's turn alone", async () => {
    await submit("prm_1");
    expect(await turns.abort("prm_late")).toEqual({ aborted: false, known: false });
    expect(turns.current?.promptId).toBe("prm_1");
    await idle();
    expect(await turns.abort("prm_1")).toEqual({ aborted: false, known: true });
    await expect(submit("prm_late")).rejects.toThrow("stopped before it began");
    await submit("prm_2");
    expect(turns.current?.promptId).toBe("prm_2");
  });

  it("keeps a change for the end of the turn that began while the one before was cleaned up", async () => {
    let swept = () => {};
    await submit("prm_1");
    await expect.poll(() => told).toEqual(["load", "prm_1"]);
    sweep = () => new Promise((resolve) => (swept = resolve));
    await idle();
    await submit("prm_2");
    await expect.poll(() => told).toEqual(["load", "prm_1", "load", "prm_2"]);
    sweep = async () => undefined;
    expect(await turns.configure({ providers: [] })).toBe("after_turn");
    swept();
    // Behind the clean-up in the same queue of changes.
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(["load", "prm_1", "load", "prm_2"]);
    await idle();
    await expect.poll(() => told).toEqual(["load", "prm_1", "load", "prm_2", "providers"]);
  });

  it("keeps a change that could not be made for the next prompt", async () => {
    changing = () => Promise.reject(new SidecarError("internal", "Not written."));
    await expect(turns.configure({ providers: [] })).rejects.toThrow("Not written.");
    await submit("prm_1");
    await expect.poll(() => turns.current).toBeNull();
    expect(told).toEqual([]);
    changing = async () => undefined;
    await submit("prm_2");
    await expect.poll(() => told).toEqual(["providers", "load", "prm_2"]);
  });

  it("applies a change between turns at once, and before the prompt of a turn that begins with it", async () => {
    expect(await turns.configure({ providers: [] })).toBe("now");
    const change = turns.configure({ providers: [] });
    const turn = submit("prm_1");
    await Promise.all([change, turn]);
    await expect.poll(() => told).toEqual(["providers", "providers", "load", "prm_1"]);
  });
});
