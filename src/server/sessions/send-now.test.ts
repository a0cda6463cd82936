import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { testQueue, type TestQueue } from "./test-queue.testing";
import { listWaiting } from "./waiting-prompts";

describe("a waiting prompt that is sent now", () => {
  let q: TestQueue;
  beforeEach(() => {
    q = testQueue();
  });
  afterEach(() => q[Symbol.dispose]());

  const sendNow = (id: string) => q.queue.sendNow({ id, sessionId: q.t.sessionId });
  const dispatch = () => q.queue.dispatch(q.t.sessionId);
  const waiting = () =>
    listWaiting(q.t.db, { sessionId: q.t.sessionId, limit: 100 }).items.map(({ text }) => text);
  const ran = () => q.taken.map(({ text }) => text);
  /** The first runs, the others wait. @returns the ids */
  const running = async (...texts: string[]): Promise<string[]> => {
    const ids = texts.map((text) => q.add(text).promptId);
    await dispatch();
    q.begins(ids[0] ?? "");
    return ids;
  };
  /** Ends what runs, one after the other, as long as there is something. */
  const runOut = async () => {
    for (;;) {
      await dispatch();
      const runs = [...q.turns].find(([, state]) => state === "runs")?.[0];
      if (runs === undefined) return;
      q.begins(runs);
      q.ends(runs);
    }
  };
  const notWaiting = expect.objectContaining({ code: "CONFLICT", reason: "not_waiting" }) as unknown;

  it("ends the turn that runs and runs next; all others run after it in their order, each once", async () => {
    const [a, , , d] = await running("a", "b", "c", "d");
    expect(await sendNow(d ?? "")).toEqual({ aborted: true });
    expect(q.turns.get(a ?? "")).toBe("ended");
    expect(waiting()).toEqual(["d", "b", "c"]);
    await runOut();
    expect(ran()).toEqual(["a", "d", "b", "c"]);
  });

  it("tells followers of its place before anything ends for it", async () => {
    const [, , c] = await running("a", "b", "c");
    await sendNow(c ?? "");
    const events = q.log.read(q.t.sessionId, 0);
    const last = events.slice(-3).filter(({ type }) => type !== "session.status");
    expect(last).toMatchObject([
      { type: "prompt.moved", data: { promptId: c, position: 1 } },
      { type: "turn.ended" },
    ]);
  });

  it("is not moved when it is the next already, and ends the turn all the same", async () => {
    const [, b] = await running("a", "b", "c");
    expect(await sendNow(b ?? "")).toEqual({ aborted: true });
    expect(q.types()).not.toContain("prompt.moved");
    await runOut();
    expect(ran()).toEqual(["a", "b", "c"]);
  });

  it("ends nothing in a session without a turn", async () => {
    q.ready = false;
    const [, b] = [q.add("a"), q.add("b")];
    expect(await sendNow(b.promptId)).toEqual({ aborted: false });
    q.ready = true;
    await runOut();
    expect(ran()).toEqual(["b", "a"]);
  });

  it("goes once, however often it is asked for, and does not end its own turn", async () => {
    const [a, , c] = await running("a", "b", "c");
    const twice = await Promise.all([sendNow(c ?? ""), sendNow(c ?? "")]);
    expect(twice).toEqual([{ aborted: true }, { aborted: false }]);
    await dispatch();
    q.begins(c ?? "");
    await expect(sendNow(c ?? "")).rejects.toEqual(notWaiting);
    expect(q.turns.get(a ?? "")).toBe("ended");
    expect(q.turns.get(c ?? "")).toBe("runs");
    await runOut();
    expect(ran()).toEqual(["a", "c", "b"]);
    expect(q.types().filter((type) => type === "prompt.moved")).toHaveLength(1);
  });

  it("is refused when it has just begun, and its turn goes on", async () => {
    const [a, b] = await running("a", "b");
    q.ends(a ?? "");
    const handedOver = dispatch();
    const late = sendNow(b ?? "");
    await handedOver;
    await expect(late).rejects.toEqual(notWaiting);
    expect(q.turns.get(b ?? "")).toBe("runs");
    expect(q.types()).not.toContain("prompt.moved");
  });

  it("goes before another that was sent now a moment earlier and did not begin yet; both run once", async () => {
    const [, , c, d] = await running("a", "b", "c", "d");
    await Promise.all([sendNow(c ?? ""), sendNow(d ?? "")]);
    await runOut();
    expect(ran()).toEqual(["a", "d", "c", "b"]);
  });

  it("ends nothing when the turn has just ended by itself, and is the next", async () => {
    const [a, , c] = await running("a", "b", "c");
    q.turns.set(a ?? "", "ended");
    expect(await sendNow(c ?? "")).toEqual({ aborted: false });
    q.ends(a ?? "");
    await runOut();
    expect(ran()).toEqual(["a", "c", "b"]);
  });

  it("drops nothing of what is on its way to an agent that did not take it yet", async () => {
    q.failWith = new SidecarError("not_ready", "The agent is not ready yet.");
    const ids = ["a", "b", "c"].map((text) => q.add(text).promptId);
    await dispatch();
    expect(await sendNow(ids[2] ?? "")).toEqual({ aborted: false });
    expect(q.stoppedBefore).toEqual([]);
    q.failWith = null;
    await runOut();
    expect(ran()).toEqual(["a", "c", "b"]);
    expect(q.types()).not.toContain("prompt.cancelled");
  });

  it("waits for the prompt that is being handed over, and ends its turn", async () => {
    let arrive = () => {};
    q.arriving = new Promise((resolve) => {
      arrive = resolve;
    });
    const [a, , c] = [q.add("a"), q.add("b"), q.add("c")];
    const handedOver = dispatch();
    const now = sendNow(c.promptId);
    arrive();
    await handedOver;
    expect(await now).toEqual({ aborted: true });
    expect(q.turns.get(a.promptId)).toBe("ended");
    await runOut();
    expect(ran()).toEqual(["a", "c", "b"]);
  });

  it("is the next all the same when the agent cannot be asked to end its turn, which is told", async () => {
    const [a, , c] = await running("a", "b", "c");
    q.failWith = new SidecarError("unreachable", "away");
    await expect(sendNow(c ?? "")).rejects.toMatchObject({ code: "unreachable" });
    expect(waiting()).toEqual(["c", "b"]);
    q.failWith = null;
    q.ends(a ?? "");
    await runOut();
    expect(ran()).toEqual(["a", "c", "b"]);
  });

  it("keeps its place when the server goes before the turn has ended", async () => {
    const [a, , c] = await running("a", "b", "c");
    q.failWith = new SidecarError("unreachable", "away");
    await sendNow(c ?? "").catch(() => undefined);
    q.restart();
    q.failWith = null;
    expect(waiting()).toEqual(["c", "b"]);
    q.ends(a ?? "");
    await runOut();
    expect(ran()).toEqual(["a", "c", "b"]);
    expect(q.add("d").state).toBe("running");
    q.restart();
    await runOut();
    expect(ran()).toEqual(["a", "c", "b", "d"]);
  });

  it("lets what is sent later stand behind all that waited before", async () => {
    const [, , c] = await running("a", "b", "c");
    await sendNow(c ?? "");
    q.add("e");
    await runOut();
    expect(ran()).toEqual(["a", "c", "b", "e"]);
  });
});
