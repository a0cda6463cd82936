import { expect, test } from "vitest";
import { z } from "zod";
import { createCommitClock } from "./commit-clock";
import type { Outcome } from "./execute";
import { createTestLog } from "./fixture.testing";
import { createLiveQueries } from "./live-queries";
import { createSlots } from "./slots";
import { createSyncSession } from "./sync-session";
import type { Read } from "./transaction";

const frame = z.looseObject({ type: z.string() });
const EVERY_ROW: Read = {
  table: "t",
  index: "by_id",
  range: { lo: { prefix: [], isAfter: false }, hi: { prefix: [], isAfter: true } },
};
const CHANGE = [{ table: "t", index: "by_id", key: ["x"] }];

/** A session whose network takes what it sends only when told to, on a clock set by hand. */
function open(opts: { fails?: boolean } = {}) {
  let value = 0;
  let nowMs = 0;
  const sent: z.infer<typeof frame>[] = [];
  const taken: (() => void)[] = [];
  const closes: { code: number; reason: string }[] = [];
  const commits = createCommitClock(() => nowMs);
  const live = createLiveQueries({
    slots: createSlots(),
    now: commits.latest,
    execute: async () => {
      if (opts.fails === true) throw new Error("a fault of the host's own");
      const outcome: Outcome = { ok: true, json: String(value) };
      return { outcome, reads: [EVERY_ROW], hasReadAuth: false, changedKeys: [] };
    },
  });
  const log = createTestLog();
  const session = createSyncSession({
    live,
    commits,
    log,
    nowMs: () => nowMs,
    verify: async () => ({
      identity: { subject: "ann", issuer: "i", tokenIdentifier: "i|ann" },
      identityKey: "ann",
      expiresAtMs: 10,
    }),
    channel: {
      send(text, onTaken) {
        sent.push(frame.parse(JSON.parse(text)));
        if (onTaken !== undefined) taken.push(onTaken);
      },
      close: (code, reason) => closes.push({ code, reason }),
    },
  });
  const receive = (message: object) => session.receive(JSON.stringify(message));
  return {
    sent,
    closes,
    live,
    log,
    session,
    receive,
    setTime: (ms: number) => (nowMs = ms),
    /** Lets the network take the oldest of what it holds. */
    take: () => taken.shift()?.(),
    commit(next: number) {
      value = next;
      commits.next();
      live.touch(CHANGE);
    },
    async follow() {
      await receive({ type: "Connect", sessionId: "s", connectionCount: 0, clientTs: 0 });
      const modifications = [{ type: "Add", queryId: 1, udfPath: "a:b", args: [{}] }];
      await receive({ type: "ModifyQuerySet", baseVersion: 0, newVersion: 1, modifications });
    },
  };
}

test("a slow network holds two transitions; what happens meanwhile is told in one", async () => {
  const { sent, take, commit, follow } = open();
  await follow();
  await expect.poll(() => sent.length).toBe(1);
  commit(1);
  await expect.poll(() => sent.length).toBe(2);
  for (const value of [2, 3, 4]) commit(value);
  take();
  await expect.poll(() => sent.length).toBe(3);
  expect(sent[2]).toMatchObject({ modifications: [{ value: 4 }] });
  take();
  take();
  commit(5);
  await expect.poll(() => sent.at(-1)).toMatchObject({ modifications: [{ value: 5 }] });
  expect(sent.length).toBe(4);
});

test("a client is told when its token runs out, though nothing changes", async () => {
  const { sent, closes, receive, setTime, follow } = open();
  await follow();
  await receive({ type: "Authenticate", tokenType: "User", value: "t", baseVersion: 0 });
  await expect.poll(() => sent.at(-1)).toMatchObject({ endVersion: { identity: 1, querySet: 1 } });
  expect(closes).toEqual([]);
  setTime(10);
  await expect
    .poll(() => sent.at(-1))
    .toMatchObject({
      type: "AuthError",
      baseVersion: 1,
      authUpdateAttempted: false,
    });
  expect(closes).toEqual([{ code: 1000, reason: "TokenExpired" }]);
});

test("no result is sent to a client whose token has run out", async () => {
  const { sent, receive, setTime, commit, follow } = open();
  await follow();
  await receive({ type: "Authenticate", tokenType: "User", value: "t", baseVersion: 0 });
  await expect.poll(() => sent.at(-1)).toMatchObject({ endVersion: { identity: 1 } });
  const count = sent.length;
  setTime(10);
  commit(1);
  await expect.poll(() => sent.length).toBe(count + 1);
  expect(sent.at(-1)).toMatchObject({ type: "AuthError" });
});

test("a fault of the host's own sends the client away to come again", async () => {
  const { closes, log, follow } = open({ fails: true });
  await follow();
  await expect.poll(() => closes).toEqual([{ code: 1011, reason: "InternalServerError" }]);
  expect(log.errors).toHaveLength(1);
});

test("a session that is over follows nothing and says nothing", async () => {
  const { sent, live, session, commit, follow, receive } = open();
  await follow();
  await expect.poll(() => sent.length).toBe(1);
  expect(live.size()).toBe(1);
  session.close();
  expect(live.size()).toBe(0);
  commit(1);
  await receive({ type: "Nonsense" });
  expect(sent.length).toBe(1);
});
