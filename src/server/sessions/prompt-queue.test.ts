import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sessions } from "../db/schema";
import { inRequest } from "../request-scope";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { titleFrom } from "./decisions";
import { SESSION_LIMITS } from "./limits";
import { findSession } from "./session-store";
import { testQueue, type TestQueue } from "./test-queue.testing";

describe("prompt queue", () => {
  let q: TestQueue;
  let t: TestQueue["t"];
  const add: TestQueue["add"] = (...args) => q.add(...args);

  beforeEach(() => {
    q = testQueue();
    t = q.t;
  });
  afterEach(() => q[Symbol.dispose]());

  it("hands a prompt over in the request that sent it, whoever's turn it is to do so", async () => {
    const first = inRequest("rq_of_the_first", () => add("a"));
    const second = inRequest("rq_of_the_second", () => add("b"));
    add("c");
    await inRequest("rq_of_another", () => q.queue.dispatch(t.sessionId));
    q.ends(first.promptId);
    await q.queue.dispatch(t.sessionId);
    q.ends(second.promptId);
    await inRequest("rq_of_another", () => q.queue.dispatch(t.sessionId));
    expect(q.taken.map(({ text }) => text)).toEqual(["a", "b", "c"]);
    expect(q.requestIds).toEqual(["rq_of_the_first", "rq_of_the_second", null]);
  });

  it("hands prompts over one at a time, in order, each when the turn before has ended", async () => {
    const first = add("a");
    const second = add("b");
    expect([first.state, second.state]).toEqual(["running", "queued"]);
    await q.queue.dispatch(t.sessionId);
    q.begins(first.promptId);
    await q.queue.dispatch(t.sessionId);
    expect(q.taken.map((p) => p.text)).toEqual(["a"]);
    q.ends(first.promptId);
    await q.queue.dispatch(t.sessionId);
    expect(q.taken.map((p) => p.text)).toEqual(["a", "b"]);
  });

  it("gives the same answer to the same key and queues nothing again", async () => {
    const first = add("same", "text");
    await q.queue.dispatch(t.sessionId);
    q.begins(first.promptId);
    q.ends(first.promptId);
    expect(add("same", "other text")).toEqual(first);
    await q.queue.dispatch(t.sessionId);
    expect(q.taken).toHaveLength(1);
    expect(q.types().filter((type) => type === "prompt.queued")).toHaveLength(1);
  });

  it("names a session that nobody named by its first prompt, and not by a command", () => {
    const session = findSession(t.db, t.sessionId);
    if (!session) throw new Error("The test's session is gone.");
    const untitled = titleFrom(undefined, new Date(session.createdAt));
    t.db.update(sessions).set({ title: untitled }).where(eq(sessions.id, t.sessionId)).run();
    q.queue.add({ sessionId: t.sessionId, userId: t.userId, key: "0", kind: "shell", text: "ls" });
    expect(findSession(t.db, t.sessionId)?.title).toBe(untitled);
    add("first", "make a page");
    add("second", "make another");
    expect(findSession(t.db, t.sessionId)?.title).toBe("make a page");
    expect(q.log.read(t.sessionId, 0)).toContainEqual(
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
    expect(() => q.queue.add(theirs)).toThrow(
      expect.objectContaining({ code: "CONFLICT", reason: "bad_input" }),
    );
    expect(q.types()).toEqual(["prompt.queued"]);
    q.queue.add({ ...theirs, key: "2" });
    expect(q.types()).toEqual(["prompt.queued", "prompt.queued"]);
  });

  it("takes no more than can be waited for, and takes one again when one has left the line", async () => {
    q.ready = false;
    for (let n = 0; n < SESSION_LIMITS.maxWaitingPrompts; n += 1) add(`waits-${n}`);
    expect(() => add("one more")).toThrow(expect.objectContaining({ reason: "session_busy" }));
    expect(add("waits-0").state).toBe("queued");
    await q.queue.abort(t.sessionId);
    add("one more");
  });

  it("keeps prompts while the agent is away and hands them over under the same id when it is back", async () => {
    q.ready = false;
    const { promptId, state } = add("early");
    await q.queue.dispatch(t.sessionId);
    expect(state).toBe("queued");
    q.ready = true;
    q.failWith = new SidecarError("unreachable", "away");
    await q.queue.dispatch(t.sessionId);
    q.failWith = null;
    await q.queue.dispatch(t.sessionId);
    await q.queue.dispatch(t.sessionId);
    expect(new Set(q.taken.map((p) => p.promptId))).toEqual(new Set([promptId]));
    expect(q.types().filter((type) => type === "prompt.started")).toHaveLength(1);
  });

  it("says why a prompt waits, once, when it has waited for long; and hands it over all the same", async () => {
    const sentence = "Events cannot be stored: free disk space on the server.";
    q.failWith = new SidecarError("not_ready", sentence, "ENOSPC");
    const { promptId } = add("patient");
    const errors = () => q.log.read(t.sessionId, 0).flatMap((e) => (e.type === "error" ? [e.data] : []));
    await q.queue.dispatch(t.sessionId);
    t.clock.advance(SESSION_LIMITS.waitingNoticeMs - 1);
    await q.queue.dispatch(t.sessionId);
    expect(errors()).toEqual([]);
    t.clock.advance(1);
    for (let again = 0; again < 3; again += 1) await q.queue.dispatch(t.sessionId);
    expect(errors()).toEqual([{ code: "not_ready", message: sentence, detail: "ENOSPC" }]);
    expect(q.types()).not.toContain("prompt.cancelled");
    q.failWith = null;
    await q.queue.dispatch(t.sessionId);
    expect(q.taken.map((p) => p.promptId)).toEqual([promptId]);
  });

  it("lets go of a prompt that the agent never took, and goes on with the next", async () => {
    q.failWith = new SidecarError("not_ready", "The agent is not ready yet.");
    add("stuck");
    add("next");
    await q.queue.dispatch(t.sessionId);
    expect(await q.queue.abort(t.sessionId)).toMatchObject({ aborted: true });
    q.failWith = null;
    await q.queue.dispatch(t.sessionId);
    expect(q.taken.map((p) => p.text)).toEqual(["next"]);
  });

  it("stops the turn of a prompt that is on its way to the agent, and does not call it one that never began", async () => {
    let arrive = () => {};
    q.arriving = new Promise((resolve) => {
      arrive = resolve;
    });
    const { promptId } = add("on its way");
    const handedOver = q.queue.dispatch(t.sessionId);
    const aborted = q.queue.abort(t.sessionId);
    arrive();
    await handedOver;
    expect(await aborted).toEqual({ aborted: true, kept: 0 });
    expect(q.turns.get(promptId)).toBe("ended");
    expect(q.types()).toContain("turn.ended");
    expect(q.types()).not.toContain("prompt.cancelled");
  });

  it("stops nothing when the turn has just ended by itself, though its events are still on the way", async () => {
    const { promptId } = add("quick");
    add("next");
    await q.queue.dispatch(t.sessionId);
    q.turns.set(promptId, "ended");
    expect(await q.queue.abort(t.sessionId)).toMatchObject({ aborted: false });
    expect(q.types()).not.toContain("prompt.cancelled");
  });

  it("takes prompts out of the line one by one while the session starts, the first first", async () => {
    q.ready = false;
    const [first, second] = [add("a"), add("b")];
    const stopped = () =>
      q.log
        .read(t.sessionId, 0)
        .flatMap((event) => (event.type === "prompt.cancelled" ? [event.data.promptId] : []));
    expect(await q.queue.abort(t.sessionId)).toMatchObject({ aborted: true });
    expect(stopped()).toEqual([first.promptId]);
    expect(await q.queue.abort(t.sessionId)).toMatchObject({ aborted: true });
    expect(stopped()).toEqual([first.promptId, second.promptId]);
    expect(await q.queue.abort(t.sessionId)).toMatchObject({ aborted: false });
    q.ready = true;
    await q.queue.dispatch(t.sessionId);
    expect(q.taken).toEqual([]);
  });

  it("does not take the past of an earlier container for a session that runs", () => {
    const { promptId } = add("old");
    t.db.update(sessions).set({ status: "creating" }).run();
    q.begins(promptId);
    expect(t.db.select().from(sessions).get()?.status).toBe("creating");
  });

  it("cancels a prompt that the agent refuses, says why, and goes on with the next", async () => {
    q.failWith = new SidecarError("bad_request", "The attachment is broken. Send it again.");
    add("bad");
    add("good");
    await q.queue.dispatch(t.sessionId);
    expect(q.types()).toEqual([
      "prompt.queued",
      "prompt.queued",
      "prompt.started",
      "prompt.cancelled",
      "error",
    ]);
    q.failWith = null;
    await q.queue.dispatch(t.sessionId);
    expect(q.taken.map((p) => p.text)).toEqual(["good"]);
  });

  /** Its turn began in a container that is no more; a new one has come. */
  async function replacedInTheMiddle(): Promise<{ promptId: string }> {
    const prompt = add("once");
    await q.queue.dispatch(t.sessionId);
    q.begins(prompt.promptId);
    // What the new container knows nothing of.
    q.turns.clear();
    t.db.update(sessions).set({ status: "idle" }).run();
    return prompt;
  }

  it("hands over no prompt that was seen to start, to whatever container, and after a restart neither", async () => {
    await replacedInTheMiddle();
    await q.queue.dispatch(t.sessionId);
    q.restart();
    await q.queue.dispatch(t.sessionId);
    expect(q.taken.map(({ text }) => text)).toEqual(["once"]);
  });

  it("ends a turn of which its container left no word, as interrupted, and goes on with the next", async () => {
    const { promptId } = await replacedInTheMiddle();
    add("next");
    q.queue.onCaughtUp(t.sessionId);
    const ended = q.log.read(t.sessionId, 0).filter(({ type }) => type === "turn.ended");
    expect(ended).toMatchObject([
      { data: { promptId, outcome: "interrupted", error: { code: "turn_lost" } } },
    ]);
    q.queue.onCaughtUp(t.sessionId);
    await q.queue.dispatch(t.sessionId);
    expect(q.taken.map(({ text }) => text)).toEqual(["once", "next"]);
    expect(q.types().filter((type) => type === "turn.ended")).toHaveLength(1);
  });

  it("leaves a turn alone that runs, or of which the container still tells", async () => {
    const { promptId } = add("runs");
    await q.queue.dispatch(t.sessionId);
    q.queue.onCaughtUp(t.sessionId);
    q.begins(promptId);
    q.queue.onCaughtUp(t.sessionId);
    t.db.update(sessions).set({ status: "creating" }).run();
    q.queue.onCaughtUp(t.sessionId);
    expect(q.types()).not.toContain("turn.ended");
  });
});
