import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Spool } from "../events/spool";
import { createLog } from "../log";
import type { AgentClient } from "../opencode/client";
import type { AgentEvent } from "../opencode/wire";
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
  let answer: () => Promise<boolean>;
  let sweep: () => Promise<void>;
  let isBusy: boolean;
  /** What opencode was told, in order: prompts, and the changes that may reload it. */
  let told: string[];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "openagent-turns-"));
    const log = createLog(() => undefined);
    spool = await Spool.open({ dir, log });
    await spool.openEpoch(1, null);
    [waiting, told, isBusy] = [[], [], true];
    answer = async () => true;
    sweep = async () => undefined;
    const client: Partial<AgentClient> = {
      prompt: async ({ text }) => void told.push(text),
      reply: () => answer(),
      isBusy: async () => isBusy,
      history: async () => [],
      waiting: async () => waiting,
    };
    const setup: Partial<AgentSetup> = {
      change: async ({ providers }) => {
        if (providers) told.push("providers");
      },
      loadProviders: async () => undefined,
    };
    turns = new Turns({
      sessionId: SESSION,
      workspace: dir,
      spool,
      setup: setup as AgentSetup,
      log,
      agent: { client: () => client as AgentClient, restart: () => undefined },
      sweep: () => sweep(),
    });
  });
  afterEach(async () => {
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
  const closedRequests = async () => {
    await spool.flush();
    const found: string[] = [];
    for await (const batch of spool.readAfter({ epoch: 1, n: 0 }, AbortSignal.timeout(5000), 1)) {
      if (batch === null) break;
      found.push(...batch.lines.filter((line) => line.includes('"request.closed"')));
    }
    return found;
  };

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

  it("keeps a change for the end of the turn that began while the one before was cleaned up", async () => {
    let swept = () => {};
    await submit("prm_1");
    sweep = () => new Promise((resolve) => (swept = resolve));
    await idle();
    await submit("prm_2");
    await expect.poll(() => told).toEqual(["prm_1", "prm_2"]);
    sweep = async () => undefined;
    expect(await turns.configure({ providers: [] })).toBe("after_turn");
    swept();
    // Behind the clean-up in the same queue of changes.
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(["prm_1", "prm_2"]);
    await idle();
    await expect.poll(() => told).toEqual(["prm_1", "prm_2", "providers"]);
  });

  it("applies a change between turns at once, and before the prompt of a turn that begins with it", async () => {
    expect(await turns.configure({ providers: [] })).toBe("now");
    const change = turns.configure({ providers: [] });
    const turn = submit("prm_1");
    await Promise.all([change, turn]);
    await expect.poll(() => told).toEqual(["providers", "providers", "prm_1"]);
  });
});
