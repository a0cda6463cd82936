import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionStatus } from "../../../sidecar/src/contract";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { mark, marksAfter, readKey } from "../events/outbox";
import { markRead } from "../sessions/session-marks";
import { getSession } from "../sessions/session-store";
import { createDirtyMarks } from "./dirty-marks";
import { fakeMirror } from "./fake-mirror.testing";
import { emptyBatch } from "./mirror-batch";
import { MirrorError } from "./mirror-target";
import { createPusher, type Pusher } from "./pusher";
import { createRetention, KEPT_MS, type Retention } from "./retention";

describe("retention in the mirror", () => {
  let t: TestDatabase;
  let log: EventLog;
  let mirror: ReturnType<typeof fakeMirror>;
  let pusher: Pusher;
  let retention: Retention;
  beforeEach(() => {
    t = testDatabase();
    mirror = fakeMirror();
    const now = () => performance.now();
    const silent = () => undefined;
    log = createEventLog({ ...t, onCommit: () => pusher.wake() });
    const dirty = createDirtyMarks({ db: t.db, now });
    pusher = createPusher({
      db: t.db,
      target: mirror.target,
      dirty,
      log: { info: silent, warn: silent, error: silent },
      begin: async () => undefined,
      intervalMs: 1,
      now,
    });
    retention = createRetention({ db: t.db, dirty, pusher, now: () => t.clock.monotonicNow() });
  });
  afterEach(async () => {
    await pusher.close();
    t[Symbol.dispose]();
  });

  const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, n) => n + from);
  const write = async (sessionId: string, count: number) => {
    log.transaction((tx) => {
      for (let n = 0; n < count; n += 1)
        tx.append(sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text: "x" } });
    });
    await pusher.drained();
  };
  const become = (status: SessionStatus) =>
    t.db.update(sessions).set({ status }).where(eq(sessions.id, t.sessionId)).run();
  const look = async (afterMs: number) => {
    t.clock.advance(afterMs);
    retention.look();
    pusher.wake();
    await pusher.drained();
  };
  /** Seen at rest for as long as events are kept. */
  const rest = async () => {
    await look(0);
    await look(KEPT_MS);
  };

  it("lets go of the events of a session that has not run for ten minutes, and of nothing else", async () => {
    t.addSession("ses_runs");
    await write(t.sessionId, 5);
    await write("ses_runs", 5);
    log.transaction((tx) => {
      markRead(tx, t.userId, getSession(tx.store, t.sessionId));
      mark(tx.store, [{ topic: "read", key: readKey(t.userId, t.sessionId) }]);
    });
    become("stopped");
    await look(0);
    await look(KEPT_MS - 1);
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(5));
    await look(1);
    expect(mirror.seqs(t.sessionId)).toEqual([]);
    expect(mirror.seqs("ses_runs")).toEqual(upTo(5));
    // What the list shows of it is put again in the transaction that takes it away.
    expect(mirror.state.batches.at(-1)).toMatchObject({
      removed: [t.sessionId],
      sessions: [{ sessionId: t.sessionId }],
      reads: [{ sessionId: t.sessionId, seq: 5 }],
      events: [],
    });
    const told = mirror.state.batches.length;
    await rest();
    expect(mirror.state.batches).toHaveLength(told);
    expect(marksAfter(t.db, 0, 10).filter(({ topic }) => topic === "release")).toEqual([]);
  });

  it("counts the ten minutes anew for a session that ran in between", async () => {
    await write(t.sessionId, 5);
    become("stopped");
    await look(0);
    become("active");
    await look(KEPT_MS - 1);
    become("stopped");
    await look(1);
    await look(KEPT_MS - 1);
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(5));
    await look(1);
    expect(mirror.seqs(t.sessionId)).toEqual([]);
  });

  it("keeps what runs again before the mirror was told", async () => {
    await write(t.sessionId, 5);
    become("stopped");
    await look(0);
    t.clock.advance(KEPT_MS);
    retention.look();
    become("active");
    pusher.wake();
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(5));
  });

  it("begins again with the newest when the session is resumed", async () => {
    await write(t.sessionId, 300);
    become("error");
    await rest();
    become("active");
    await write(t.sessionId, 3);
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(200, 104));
    become("stopped");
    await rest();
    expect(mirror.seqs(t.sessionId)).toEqual([]);
  });

  it("lets go of one session in a batch, however many stopped together", async () => {
    const ids = upTo(4).map((n) => `ses_${n}`);
    for (const id of ids) t.addSession(id);
    for (const id of ids) await write(id, 2);
    t.db.update(sessions).set({ status: "stopped" }).run();
    await rest();
    for (const id of ids) expect(mirror.seqs(id)).toEqual([]);
    const removing = mirror.state.batches.filter(({ removed }) => removed.length > 0);
    expect(removing.map(({ removed }) => removed.length)).toEqual([1, 1, 1, 1]);
  });

  it("forgets a session that was deleted meanwhile", async () => {
    await write(t.sessionId, 5);
    become("stopped");
    await look(0);
    t.clock.advance(KEPT_MS);
    retention.look();
    t.db.delete(sessions).where(eq(sessions.id, t.sessionId)).run();
    mark(t.db, [{ topic: "session", key: t.sessionId }]);
    pusher.wake();
    await pusher.drained();
    expect(mirror.state.batches.at(-1)).toEqual({ ...emptyBatch(), removed: [t.sessionId] });
    expect(pusher.holding()).toEqual([]);
  });

  it("takes a row that is refused out of the way: the events go, the rest is put again", async () => {
    await write(t.sessionId, 5);
    become("stopped");
    await look(0);
    let refusals = 0;
    mirror.state.always = ({ removed, sessions: rows }) => {
      if (removed.length === 0 || rows.length === 0) return null;
      refusals += 1;
      return new MirrorError("refused", "too bad");
    };
    await look(KEPT_MS);
    expect(refusals).toBeGreaterThan(0);
    expect(mirror.seqs(t.sessionId)).toEqual([]);
    const last = () => mirror.state.batches.at(-1);
    await expect.poll(last).toMatchObject({ sessions: [{ sessionId: t.sessionId }], events: [] });
  });
});
