import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Caller } from "../auth/caller";
import { sessions } from "../db/schema";
import { SESSION_LIMITS } from "./limits";
import { createPrompts, type Prompts } from "./prompts";
import { testQueue, type TestQueue } from "./test-queue.testing";

const notWaiting = (sentence: RegExp): unknown =>
  expect.objectContaining({
    code: "CONFLICT",
    reason: "not_waiting",
    message: expect.stringMatching(sentence) as string,
  });

describe("the prompts that wait", () => {
  let q: TestQueue;
  let prompts: Prompts;
  let owner: Caller;
  /** Of the team, with a role that may write. */
  let mate: Caller;
  beforeEach(() => {
    q = testQueue();
    owner = callerOf(q.t.userId);
    mate = callerOf("usr_mate");
    prompts = open();
  });
  afterEach(() => q[Symbol.dispose]());

  const open = () =>
    createPrompts({
      ...q.t,
      log: q.log,
      queue: q.queue,
      models: { resolve: () => ({}) as never },
      onDispatchError(_id, error) {
        throw error;
      },
    });
  const send = (text: string, more: { by?: Caller; kind?: "prompt" | "shell"; key?: string } = {}) =>
    prompts.send(more.by ?? owner, {
      sessionId: q.t.sessionId,
      key: more.key ?? text,
      kind: more.kind ?? "prompt",
      text,
    });
  const line = () => prompts.queue(owner, { sessionId: q.t.sessionId, limit: 100 }).items;
  const texts = () => line().map(({ text }) => text);
  /** One runs, the others wait. @returns their ids, in order */
  const sent = async (...all: string[]): Promise<string[]> => {
    const ids: string[] = [];
    for (const text of all) ids.push((await send(text)).promptId);
    await q.queue.dispatch(q.t.sessionId);
    q.begins(ids[0] ?? "");
    return ids;
  };
  const next = async (ended: string | undefined) => {
    q.ends(ended ?? "");
    await q.queue.dispatch(q.t.sessionId);
  };
  const share = (visibility: "private" | "team-read" | "team-write") =>
    q.t.db.update(sessions).set({ visibility }).run();

  it("are listed in order with all that was sent, a page at a time, and without the one that runs", async () => {
    const [, b] = await sent("a", "b");
    await send("ls", { kind: "shell" });
    q.queue.add({
      sessionId: q.t.sessionId,
      userId: "usr_mate",
      key: "c",
      kind: "prompt",
      text: "c",
      effort: "high",
      attachments: [{ name: "a.png", mime: "image/png", dataUrl: "data:image/png;base64,AA==" }],
    });
    expect(line()).toMatchObject([
      { promptId: b, text: "b", kind: "prompt", state: "queued", by: q.t.userId, position: 1 },
      { text: "ls", kind: "shell", position: 2 },
      { text: "c", by: "usr_mate", position: 3, attachments: [{ name: "a.png", mime: "image/png" }] },
    ]);
    expect(JSON.stringify(line())).not.toContain("base64");
    const page = (cursor?: string) => prompts.queue(owner, { sessionId: q.t.sessionId, limit: 2, cursor });
    const first = page();
    const second = page(first.nextCursor ?? "none");
    expect([first, second].map(({ items }) => items.map((p) => [p.text, p.position]))).toEqual([
      [
        ["b", 1],
        ["ls", 2],
      ],
      [["c", 3]],
    ]);
    expect(second.nextCursor).toBeNull();
    expect(() => page("next")).toThrow(expect.objectContaining({ reason: "bad_input" }));
  });

  it("run with the text that they were given last", async () => {
    const [a, b] = await sent("a", "b");
    expect(prompts.edit(owner, { promptId: b ?? "", text: "better" })).toMatchObject({
      promptId: b,
      text: "better",
      position: 1,
    });
    await next(a);
    expect(q.taken.map(({ text }) => text)).toEqual(["a", "better"]);
    expect(q.log.read(q.t.sessionId, 0)).toContainEqual(
      expect.objectContaining({ type: "prompt.edited", data: { promptId: b, text: "better" } }),
    );
  });

  it("say nothing when their text stays as it is", async () => {
    const [, b] = await sent("a", "b");
    prompts.edit(owner, { promptId: b ?? "", text: "b" });
    expect(q.types()).not.toContain("prompt.edited");
  });

  it("do not run once they are cancelled, and those behind them do", async () => {
    const [a, b] = await sent("a", "b", "c");
    expect(prompts.cancel(owner, b ?? "")).toEqual({ promptId: b });
    expect(texts()).toEqual(["c"]);
    await next(a);
    expect(q.taken.map(({ text }) => text)).toEqual(["a", "c"]);
  });

  it("give the same answer to their key, whatever was changed since", async () => {
    const [, b, c] = await sent("a", "b", "c");
    prompts.edit(owner, { promptId: b ?? "", text: "better" });
    prompts.cancel(owner, c ?? "");
    expect(await send("b")).toEqual({ promptId: b, state: "queued" });
    expect(await send("something else", { key: "b" })).toEqual({ promptId: b, state: "queued" });
    expect(await send("c")).toEqual({ promptId: c, state: "queued" });
    expect(texts()).toEqual(["better"]);
  });

  it("are left alone by whoever comes too late, who is told what became of them", async () => {
    const [a, b] = await sent("a", "b");
    const acts = [
      (promptId: string) => prompts.edit(owner, { promptId, text: "late" }),
      (promptId: string) => prompts.cancel(owner, promptId),
    ];
    const before = q.types();
    for (const act of acts) expect(() => act(a ?? "")).toThrow(notWaiting(/already runs/));
    await expect(prompts.sendNow(owner, a ?? "")).rejects.toEqual(notWaiting(/already runs/));
    expect(q.types()).toEqual(before);
    q.ends(a ?? "");
    for (const act of acts) expect(() => act(a ?? "")).toThrow(notWaiting(/has run already/));
    await expect(prompts.sendNow(owner, a ?? "")).rejects.toEqual(notWaiting(/has run already/));
    prompts.cancel(owner, b ?? "");
    for (const act of acts) expect(() => act(b ?? "")).toThrow(notWaiting(/was cancelled already/));
    await expect(prompts.sendNow(owner, b ?? "")).rejects.toEqual(notWaiting(/was cancelled already/));
    expect(q.taken.map(({ text }) => text)).toEqual(["a"]);
  });

  it("are not changed any more from when they are on their way, though the agent has not got them yet", async () => {
    let arrive = () => {};
    q.arriving = new Promise((resolve) => {
      arrive = resolve;
    });
    const { promptId } = await send("on its way");
    const handedOver = q.queue.dispatch(q.t.sessionId);
    await expect.poll(texts).toEqual([]);
    expect(() => prompts.edit(owner, { promptId, text: "late" })).toThrow(notWaiting(/already runs/));
    expect(() => prompts.cancel(owner, promptId)).toThrow(notWaiting(/already runs/));
    arrive();
    await handedOver;
    expect(q.taken.map(({ text }) => text)).toEqual(["on its way"]);
  });

  it("are what they were made into after a restart, each run once", async () => {
    const [a, b, c, d] = await sent("a", "b", "c", "d");
    prompts.edit(owner, { promptId: b ?? "", text: "better" });
    prompts.cancel(owner, c ?? "");
    q.restart();
    prompts = open();
    expect(texts()).toEqual(["better", "d"]);
    await next(a);
    q.begins(b ?? "");
    q.restart();
    prompts = open();
    await q.queue.dispatch(q.t.sessionId);
    await next(b);
    await next(d);
    expect(q.taken.map(({ text }) => text)).toEqual(["a", "better", "d"]);
  });

  it("hold no more than what may be sent", async () => {
    const [, b] = await sent("a", "b");
    const { promptId: command } = await send("ls", { kind: "shell" });
    const tooLarge = expect.objectContaining({ reason: "too_large" }) as unknown;
    const long = "x".repeat(SESSION_LIMITS.commandMaxChars + 1);
    expect(() => prompts.edit(owner, { promptId: command, text: long })).toThrow(tooLarge);
    expect(() =>
      prompts.edit(owner, { promptId: b ?? "", text: "ü".repeat(SESSION_LIMITS.promptMaxBytes / 2 + 1) }),
    ).toThrow(tooLarge);
    prompts.edit(owner, { promptId: b ?? "", text: long });
    expect(texts()).toEqual([long, "ls"]);
  });

  it("are edited by their author alone, and cancelled or sent now by everybody who may write", async () => {
    share("team-write");
    const [a, b] = await sent("a", "b", "c");
    const { promptId: theirs } = await send("theirs", { by: mate });
    expect(() => prompts.edit(mate, { promptId: b ?? "", text: "mine now" })).toThrow(
      expect.objectContaining({ code: "FORBIDDEN", reason: "not_allowed" }),
    );
    expect(() => prompts.edit(owner, { promptId: theirs, text: "mine now" })).toThrow(
      expect.objectContaining({ code: "FORBIDDEN", reason: "not_allowed" }),
    );
    expect(texts()).toEqual(["b", "c", "theirs"]);
    prompts.edit(mate, { promptId: theirs, text: "still theirs" });
    prompts.cancel(mate, b ?? "");
    await prompts.sendNow(owner, theirs);
    expect(q.turns.get(a ?? "")).toBe("ended");
    await q.queue.dispatch(q.t.sessionId);
    expect(q.taken.map(({ text }) => text)).toEqual(["a", "still theirs"]);
  });

  it("are seen by readers, who change nothing, and by nobody else", async () => {
    const [, b] = await sent("a", "b");
    const promptId = b ?? "";
    const list = () => prompts.queue(mate, { sessionId: q.t.sessionId, limit: 100 });
    const acts = (id: string) => [
      () => prompts.edit(mate, { promptId: id, text: "other" }),
      () => prompts.cancel(mate, id),
      () => prompts.sendNow(mate, id),
    ];
    expect(list).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
    for (const act of [...acts(promptId), ...acts("prm_none")]) {
      await expect((async () => act())()).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: "There is no such prompt, or it is not yours to see.",
      });
    }
    share("team-read");
    expect(list().items).toHaveLength(1);
    for (const act of acts(promptId)) {
      await expect((async () => act())()).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringContaining("You may read this session") as string,
      });
    }
    share("team-write");
    mate = { ...mate, role: "viewer" };
    for (const act of acts(promptId))
      await expect((async () => act())()).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(texts()).toEqual(["b"]);
    expect(q.taken.map(({ text }) => text)).toEqual(["a"]);
  });

  it("are not sent now in a session that is stopped, which says so; they are edited and cancelled there", async () => {
    const [, b, c] = await sent("a", "b", "c");
    q.t.db.update(sessions).set({ status: "stopped" }).run();
    await expect(prompts.sendNow(owner, c ?? "")).rejects.toMatchObject({ reason: "session_stopped" });
    prompts.edit(owner, { promptId: b ?? "", text: "better" });
    prompts.cancel(owner, c ?? "");
    expect(texts()).toEqual(["better"]);
  });

  it("are counted for whoever stops the turn, and the next of them begins", async () => {
    await sent("a", "b", "c");
    expect(await prompts.abort(owner, q.t.sessionId)).toEqual({ aborted: true, kept: 2 });
    await q.queue.dispatch(q.t.sessionId);
    expect(q.taken.map(({ text }) => text)).toEqual(["a", "b"]);
    expect(texts()).toEqual(["c"]);
  });
});

function callerOf(userId: string): Caller {
  return {
    userId,
    email: `${userId}@example.test`,
    name: userId,
    role: "member",
    via: { kind: "token", tokenId: "tok_1", scopes: null },
  };
}
