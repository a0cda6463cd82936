import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eq } from "drizzle-orm";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { clearMarks, mark, marksAfter } from "../events/outbox";
import { askRebuild } from "./ask-rebuild";
import { everything, strangers } from "./backfill";
import { createDirtyMarks } from "./dirty-marks";
import { fakeMirror } from "./fake-mirror.testing";
import { emptyBatch } from "./mirror-batch";
import { MirrorError } from "./mirror-target";
import { createPusher, type Pusher } from "./pusher";

const noLag = { waiting: 0, oldestMs: 0, parked: [] };
const away = () => new MirrorError("unreachable", "fetch failed");

describe("the pusher", () => {
  let t: TestDatabase;
  let log: EventLog;
  let pusher: Pusher;
  let mirror: ReturnType<typeof fakeMirror>;
  let begin: () => Promise<void>;
  const silent = () => undefined;
  const start = () => {
    const dirty = createDirtyMarks({ db: t.db, now: () => performance.now() });
    pusher = createPusher({
      db: t.db,
      target: mirror.target,
      dirty,
      log: { info: silent, warn: silent, error: silent },
      begin: () => begin(),
      intervalMs: 1,
      now: () => performance.now(),
    });
    return dirty;
  };
  beforeEach(() => {
    t = testDatabase();
    begin = async () => undefined;
    mirror = fakeMirror();
    log = createEventLog({ ...t, onCommit: () => pusher.wake() });
    start();
  });
  afterEach(async () => {
    await pusher.close();
    t[Symbol.dispose]();
  });

  const write = (sessionId: string, count: number, text = "x") =>
    log.transaction((tx) => {
      for (let n = 0; n < count; n += 1)
        tx.append(sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text } });
    });
  const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, n) => n + from);

  it("tells of many sessions in one batch, one batch at a time", async () => {
    await pusher.drained();
    const ids = upTo(20).map((n) => `ses_${n}`);
    for (const id of ids) t.addSession(id);
    for (const id of ids) write(id, 2);
    await pusher.drained();
    for (const id of ids) expect(mirror.seqs(id)).toEqual([1, 2]);
    expect(mirror.state.batches.length).toBeLessThan(5);
    expect(mirror.state.mostInFlight).toBe(1);
  });

  it("splits what is large, whole and in order, and goes on after a mirror was away", async () => {
    write(t.sessionId, 1);
    await pusher.drained();
    mirror.state.answers.push(away, () => null, away);
    write(t.sessionId, 30, "x".repeat(60 * 1024));
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(31));
    expect(mirror.state.batches.length).toBeGreaterThan(3);
    for (const batch of mirror.state.batches) expect(JSON.stringify(batch).length).toBeLessThan(700 * 1024);
    expect(pusher.health()).toEqual({ failingSinceMs: null, detail: null, ...noLag });
  });

  it("says since when nothing gets through", async () => {
    mirror.state.always = away;
    write(t.sessionId, 1);
    await expect.poll(() => pusher.health()).toMatchObject({ detail: "fetch failed" });
    expect(pusher.health().failingSinceMs).toBeLessThanOrEqual(performance.now());
    expect(marksAfter(t.db, 0, 10)).not.toEqual([]);
    expect(pusher.health().waiting).toBe(1);
    expect(pusher.health().oldestMs).toBeGreaterThan(0);
    mirror.state.always = null;
    await pusher.drained();
    expect(pusher.health().failingSinceMs).toBeNull();
  });

  it("tells nothing before it has begun, and says when it cannot begin", async () => {
    await pusher.close();
    let isAway = true;
    begin = async () => {
      if (isAway) throw away();
    };
    start();
    write(t.sessionId, 1);
    await expect.poll(() => pusher.health().detail).toBe("fetch failed");
    expect(mirror.state.batches).toEqual([]);
    expect(pusher.health()).toMatchObject({ waiting: 1, parked: [] });
    isAway = false;
    await pusher.drained();
    expect(pusher.health()).toMatchObject(noLag);
    expect(mirror.seqs(t.sessionId)).toEqual([1]);
    expect(pusher.health().failingSinceMs).toBeNull();
  });

  it("sends again what the mirror lost", async () => {
    write(t.sessionId, 5);
    await pusher.drained();
    mirror.rows.set(t.sessionId, (mirror.rows.get(t.sessionId) ?? []).slice(0, 2));
    write(t.sessionId, 1);
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(6));
  });

  it("waits for what was there when it was asked, not for what comes in meanwhile", async () => {
    t.addSession("ses_busy");
    let isBusy = true;
    mirror.state.always = () => {
      if (isBusy) write("ses_busy", 1);
      return null;
    };
    write(t.sessionId, 2);
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual([1, 2]);
    isBusy = false;
    await pusher.drained();
    expect(mirror.seqs("ses_busy").length).toBeGreaterThan(0);
  });

  it("waits for nothing when it is closed", async () => {
    mirror.state.always = away;
    write(t.sessionId, 1);
    const waiting = expect(pusher.drained()).rejects.toThrow("closed");
    await pusher.close();
    await waiting;
    await expect(pusher.drained()).rejects.toThrow("closed");
  });

  it("begins a session afresh where the mirror is of another past", async () => {
    mirror.rows.set(t.sessionId, [
      { sessionId: t.sessionId, seq: 90, at: "", type: "error", data: '"of a database that is gone"' },
    ]);
    write(t.sessionId, 3);
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual([1, 2, 3]);
    expect(JSON.stringify(mirror.rows.get(t.sessionId))).not.toContain("gone");
  });

  it("begins with the newest events where the mirror has none", async () => {
    await pusher.close();
    write(t.sessionId, 500);
    start();
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(200, 301));
  });

  it("tells after a crash what was not told before it, and nothing of an idle system", async () => {
    mirror.state.always = away;
    write(t.sessionId, 3);
    await expect.poll(() => pusher.health().detail).toBe("fetch failed");
    await pusher.close();
    mirror.state.always = null;
    start();
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual([1, 2, 3]);
    await expect.poll(() => marksAfter(t.db, 0, 10)).toEqual([]);
    const told = mirror.state.batches.length;
    await pusher.drained();
    expect(mirror.state.batches.length).toBe(told);
  });

  describe("asked to rebuild", () => {
    const batchesOf = (id: string) => mirror.state.batches.filter(({ removed }) => removed.includes(id));

    it("has the mirror let go of a session and gives it back whole, in one transaction, once", async () => {
      t.addSession("ses_other");
      write(t.sessionId, 300);
      write("ses_other", 3);
      await pusher.drained();
      const kept = mirror.rows.get("ses_other");
      mirror.rows.set(
        t.sessionId,
        (mirror.rows.get(t.sessionId) ?? []).filter(({ seq }) => seq !== 250),
      );
      expect(askRebuild(t.db, t.sessionId)).toBe(1);
      pusher.wake();
      await pusher.drained();
      expect(mirror.seqs(t.sessionId)).toEqual(upTo(200, 101));
      expect(batchesOf(t.sessionId)).toHaveLength(1);
      expect(batchesOf(t.sessionId)[0]).toMatchObject({ sessions: [{ sessionId: t.sessionId }] });
      expect(batchesOf(t.sessionId)[0]?.events).toHaveLength(200);
      expect(mirror.rows.get("ses_other")).toBe(kept);
    });

    it("goes on in order while the session writes, however much it is", async () => {
      write(t.sessionId, 20, "x".repeat(60 * 1024));
      await pusher.drained();
      let left = 10;
      mirror.state.always = () => {
        if (left > 0) write(t.sessionId, 1);
        left -= 1;
        return null;
      };
      write(t.sessionId, 1);
      askRebuild(t.db);
      await pusher.drained();
      await expect.poll(() => mirror.seqs(t.sessionId).at(-1)).toBe(31);
      expect(mirror.seqs(t.sessionId)).toEqual(upTo(31));
      expect(batchesOf(t.sessionId)).toHaveLength(1);
    });

    it("tells after a crash in the middle what was not told", async () => {
      write(t.sessionId, 20, "x".repeat(60 * 1024));
      await pusher.drained();
      askRebuild(t.db);
      mirror.state.answers.push(() => null);
      mirror.state.always = away;
      await expect.poll(() => pusher.health().detail).toBe("fetch failed");
      await pusher.close();
      mirror.state.always = null;
      start();
      await pusher.drained();
      expect(mirror.seqs(t.sessionId)).toEqual(upTo(20));
    });

    it("gives no events of a session that does not run and of which it has none", async () => {
      await pusher.close();
      t.addSession("ses_stopped", { status: "stopped" });
      write("ses_stopped", 2);
      clearMarks(
        t.db,
        marksAfter(t.db, 0, 100).map(({ id }) => id),
      );
      start();
      askRebuild(t.db, "ses_stopped");
      await pusher.drained();
      expect(mirror.state.batches.flatMap(({ sessions: rows }) => rows)).toMatchObject([
        { sessionId: "ses_stopped" },
      ]);
      expect(mirror.seqs("ses_stopped")).toEqual([]);
    });
  });

  it("tells of a removed session once, and of its events never more", async () => {
    write(t.sessionId, 1);
    await pusher.drained();
    log.transaction((tx) => {
      tx.append(t.sessionId, { type: "session.updated", data: { title: "Last" } });
      tx.store.delete(sessions).where(eq(sessions.id, t.sessionId)).run();
      mark(tx.store, [{ topic: "session", key: t.sessionId }]);
    });
    await pusher.drained();
    expect(mirror.state.batches.at(-1)).toEqual({ ...emptyBatch(), removed: [t.sessionId] });
    expect(mirror.seqs(t.sessionId)).toEqual([]);
  });

  it("writes nothing to the disk between a batch and what comes after it, and tidies the outbox when it is quiet", async () => {
    write(t.sessionId, 3);
    await pusher.drained();
    expect(mirror.seqs(t.sessionId)).toEqual([1, 2, 3]);
    expect(marksAfter(t.db, 0, 10)).not.toEqual([]);
    await expect.poll(() => marksAfter(t.db, 0, 10)).toEqual([]);
  });

  it("fills an empty mirror: every row, events of what runs alone", async () => {
    await pusher.close();
    t.addSession("ses_stopped", { status: "stopped" });
    write(t.sessionId, 3);
    write("ses_stopped", 3);
    // Told long ago, to a mirror that is gone.
    clearMarks(
      t.db,
      marksAfter(t.db, 0, 100).map(({ id }) => id),
    );
    const dirty = start();
    for (const marks of everything(t.db, { closedToo: false })) dirty.add(marks);
    await pusher.drained();
    const all = mirror.state.batches;
    expect(all.flatMap(({ people }) => people)).toMatchObject([{ personId: t.userId, epoch: 0 }]);
    expect(new Set(all.flatMap(({ sessions: rows }) => rows.map((row) => row.sessionId)))).toEqual(
      new Set([t.sessionId, "ses_stopped"]),
    );
    expect(mirror.seqs(t.sessionId)).toEqual([1, 2, 3]);
    expect(mirror.seqs("ses_stopped")).toEqual([]);
    expect(strangers(t.db, [t.sessionId, "ses_gone"])).toEqual([{ topic: "session", key: "ses_gone" }]);
  });
});
