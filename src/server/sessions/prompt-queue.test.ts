import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SidecarEventBody } from "../../../sidecar/src/contract";
import type { PromptRequest } from "../../../sidecar/src/protocol";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { currentRequestId, inRequest } from "../request-scope";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { titleFrom } from "./decisions";
import { createKeyedMutex } from "./keyed-mutex";
import { SESSION_LIMITS } from "./limits";
import { createPromptQueue, type PromptQueue } from "./prompt-queue";
import { findSession } from "./session-store";

describe("prompt queue", () => {
  let t: TestDatabase;
  let log: EventLog;
  let queue: PromptQueue;
  let ready: boolean;
  let failWith: SidecarError | null;
  let taken: PromptRequest[];
  /** Of the requests that the prompts were handed over in. */
  let requestIds: (string | null)[];

  /** Whether the agent's turn of a prompt runs, has ended, or never was. */
  let turns: Map<string, "runs" | "ended">;
  let arriving: Promise<void> | null;

  const agent: Pick<SidecarClient, "prompt" | "abort"> = {
    async prompt(request) {
      if (failWith) throw failWith;
      await arriving;
      taken.push(request);
      requestIds.push(currentRequestId());
      turns.set(request.promptId, "runs");
      return { turnId: `turn-${request.promptId}` };
    },
    async abort(promptId = "") {
      const state = turns.get(promptId);
      if (state === "runs") {
        turns.set(promptId, "ended");
        // Its events come a moment after the answer.
        setImmediate(() => ends(promptId));
      }
      return { aborted: state === "runs", known: state !== undefined };
    },
  };
  const add = (key: string, text = key) =>
    queue.add({ sessionId: t.sessionId, userId: t.userId, key, kind: "prompt", text });
  const told = (body: SidecarEventBody) =>
    log.transaction((tx) => (tx.append(t.sessionId, body), queue.onEvent(tx, t.sessionId, body)));
  const begins = (promptId: string) => told({ type: "turn.started", data: { turnId: "t", promptId } });
  const ends = (promptId: string) =>
    told({ type: "turn.ended", data: { turnId: "t", promptId, outcome: "done" } });
  const types = () => log.read(t.sessionId, 0).map((e) => e.type);

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    ready = true;
    failWith = null;
    taken = [];
    requestIds = [];
    turns = new Map();
    arriving = null;
    queue = createPromptQueue({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      mutex: createKeyedMutex(),
      clientOf: () => (ready ? (agent as SidecarClient) : null),
      connectionOf: () => (ready ? { client: agent as SidecarClient } : null),
    });
  });
  afterEach(() => t[Symbol.dispose]());

  it("hands a prompt over in the request that sent it, whoever's turn it is to do so", async () => {
    const first = inRequest("rq_of_the_first", () => add("a"));
    const second = inRequest("rq_of_the_second", () => add("b"));
    add("c");
    await inRequest("rq_of_another", () => queue.dispatch(t.sessionId));
    ends(first.promptId);
    await queue.dispatch(t.sessionId);
    ends(second.promptId);
    await inRequest("rq_of_another", () => queue.dispatch(t.sessionId));
    expect(taken.map(({ text }) => text)).toEqual(["a", "b", "c"]);
    expect(requestIds).toEqual(["rq_of_the_first", "rq_of_the_second", null]);
  });

  it("hands prompts over one at a time, in order, each when the turn before has ended", async () => {
    const first = add("a");
    const second = add("b");
    expect([first.state, second.state]).toEqual(["running", "queued"]);
    await queue.dispatch(t.sessionId);
    begins(first.promptId);
    await queue.dispatch(t.sessionId);
    expect(taken.map((p) => p.text)).toEqual(["a"]);
    ends(first.promptId);
    await queue.dispatch(t.sessionId);
    expect(taken.map((p) => p.text)).toEqual(["a", "b"]);
  });

  it("gives the same answer to the same key and queues nothing again", async () => {
    const first = add("same", "text");
    await queue.dispatch(t.sessionId);
    begins(first.promptId);
    ends(first.promptId);
    expect(add("same", "other text")).toEqual(first);
    await queue.dispatch(t.sessionId);
    expect(taken).toHaveLength(1);
    expect(types().filter((type) => type === "prompt.queued")).toHaveLength(1);
  });

  it("names a session that nobody named by its first prompt, and not by a command", () => {
    const session = findSession(t.db, t.sessionId);
    if (!session) throw new Error("The test's session is gone.");
    const untitled = titleFrom(undefined, new Date(session.createdAt));
    t.db.update(sessions).set({ title: untitled }).where(eq(sessions.id, t.sessionId)).run();
    queue.add({ sessionId: t.sessionId, userId: t.userId, key: "0", kind: "shell", text: "ls" });
    expect(findSession(t.db, t.sessionId)?.title).toBe(untitled);
    add("first", "make a page");
    add("second", "make another");
    expect(findSession(t.db, t.sessionId)?.title).toBe("make a page");
    expect(log.read(t.sessionId, 0)).toContainEqual(
      expect.objectContaining({ type: "session.updated", data: { title: "make a page" } }),
    );
  });

  it("does not give one person's prompt for another's that happens to have the same key", () => {
    add("1", "mine");
    const theirs = {
      sessionId: t.sessionId,
      userId: "usr_bob",
      key: "1",
      kind: "prompt",
      text: "theirs",
    } as const;
    expect(() => queue.add(theirs)).toThrow(
      expect.objectContaining({ code: "CONFLICT", reason: "bad_input" }),
    );
    expect(types()).toEqual(["prompt.queued"]);
    queue.add({ ...theirs, key: "2" });
    expect(types()).toEqual(["prompt.queued", "prompt.queued"]);
  });

  it("takes no more than can be waited for, and takes one again when one has left the line", async () => {
    ready = false;
    for (let n = 0; n < SESSION_LIMITS.maxWaitingPrompts; n += 1) add(`waits-${n}`);
    expect(() => add("one more")).toThrow(expect.objectContaining({ reason: "session_busy" }));
    expect(add("waits-0").state).toBe("queued");
    await queue.abort(t.sessionId);
    add("one more");
  });

  it("keeps prompts while the agent is away and hands them over under the same id when it is back", async () => {
    ready = false;
    const { promptId, state } = add("early");
    await queue.dispatch(t.sessionId);
    expect(state).toBe("queued");
    ready = true;
    failWith = new SidecarError("unreachable", "away");
    await queue.dispatch(t.sessionId);
    failWith = null;
    await queue.dispatch(t.sessionId);
    await queue.dispatch(t.sessionId);
    expect(new Set(taken.map((p) => p.promptId))).toEqual(new Set([promptId]));
    expect(types().filter((type) => type === "prompt.started")).toHaveLength(1);
  });

  it("says why a prompt waits, once, when it has waited for long; and hands it over all the same", async () => {
    const sentence = "Events cannot be stored: free disk space on the server.";
    failWith = new SidecarError("not_ready", sentence, "ENOSPC");
    const { promptId } = add("patient");
    const errors = () => log.read(t.sessionId, 0).flatMap((e) => (e.type === "error" ? [e.data] : []));
    await queue.dispatch(t.sessionId);
    t.clock.advance(SESSION_LIMITS.waitingNoticeMs - 1);
    await queue.dispatch(t.sessionId);
    expect(errors()).toEqual([]);
    t.clock.advance(1);
    for (let again = 0; again < 3; again += 1) await queue.dispatch(t.sessionId);
    expect(errors()).toEqual([{ code: "not_ready", message: sentence, detail: "ENOSPC" }]);
    expect(types()).not.toContain("prompt.cancelled");
    failWith = null;
    await queue.dispatch(t.sessionId);
    expect(taken.map((p) => p.promptId)).toEqual([promptId]);
  });

  it("lets go of a prompt that the agent never took, and goes on with the next", async () => {
    failWith = new SidecarError("not_ready", "The agent is not ready yet.");
    add("stuck");
    add("next");
    await queue.dispatch(t.sessionId);
    expect(await queue.abort(t.sessionId)).toBe(true);
    failWith = null;
    await queue.dispatch(t.sessionId);
    expect(taken.map((p) => p.text)).toEqual(["next"]);
  });

  it("stops the turn of a prompt that is on its way to the agent, and does not call it one that never began", async () => {
    let arrive = () => {};
    arriving = new Promise((resolve) => {
      arrive = resolve;
    });
    const { promptId } = add("on its way");
    const handedOver = queue.dispatch(t.sessionId);
    const aborted = queue.abort(t.sessionId);
    arrive();
    await handedOver;
    expect(await aborted).toBe(true);
    expect(turns.get(promptId)).toBe("ended");
    expect(types()).toContain("turn.ended");
    expect(types()).not.toContain("prompt.cancelled");
  });

  it("stops nothing when the turn has just ended by itself, though its events are still on the way", async () => {
    const { promptId } = add("quick");
    add("next");
    await queue.dispatch(t.sessionId);
    turns.set(promptId, "ended");
    expect(await queue.abort(t.sessionId)).toBe(false);
    expect(types()).not.toContain("prompt.cancelled");
  });

  it("takes prompts out of the line one by one while the session starts, the first first", async () => {
    ready = false;
    const [first, second] = [add("a"), add("b")];
    const stopped = () =>
      log
        .read(t.sessionId, 0)
        .flatMap((event) => (event.type === "prompt.cancelled" ? [event.data.promptId] : []));
    expect(await queue.abort(t.sessionId)).toBe(true);
    expect(stopped()).toEqual([first.promptId]);
    expect(await queue.abort(t.sessionId)).toBe(true);
    expect(stopped()).toEqual([first.promptId, second.promptId]);
    expect(await queue.abort(t.sessionId)).toBe(false);
    ready = true;
    await queue.dispatch(t.sessionId);
    expect(taken).toEqual([]);
  });

  it("does not take the past of an earlier container for a session that runs", () => {
    const { promptId } = add("old");
    t.db.update(sessions).set({ status: "creating" }).run();
    begins(promptId);
    expect(t.db.select().from(sessions).get()?.status).toBe("creating");
  });

  it("cancels a prompt that the agent refuses, says why, and goes on with the next", async () => {
    failWith = new SidecarError("bad_request", "The attachment is broken. Send it again.");
    add("bad");
    add("good");
    await queue.dispatch(t.sessionId);
    expect(types()).toEqual([
      "prompt.queued",
      "prompt.queued",
      "prompt.started",
      "prompt.cancelled",
      "error",
    ]);
    failWith = null;
    await queue.dispatch(t.sessionId);
    expect(taken.map((p) => p.text)).toEqual(["good"]);
  });
});
