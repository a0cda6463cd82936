import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eq } from "drizzle-orm";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { clearMarks, mark, marksAfter } from "../events/outbox";
import { askRebuild } from "./ask-rebuild";
import { everything, strangers } from "./backfill";
import { createDirtyMarks } from "./dirty-marks";
import { emptyBatch } from "./mirror-batch";
import { MirrorError, type MirrorBatch, type MirrorTarget } from "./mirror-target";
import { createPusher, type Pusher } from "./pusher";

/** Holds to the rules of convex/mirror.ts, and keeps what it is sent. */
function fakeMirror() {
  const rows = new Map<string, MirrorBatch["events"]>();
  const state = {
    batches: [] as MirrorBatch[],
    inFlight: 0,
    mostInFlight: 0,
    /** Answers of the next pushes; a function may look at the batch. */
    answers: [] as ((batch: MirrorBatch) => Error | null)[],
    always: null as ((batch: MirrorBatch) => Error | null) | null,
  };
  const target: MirrorTarget = {
    async push(batch) {
      state.mostInFlight = Math.max(state.mostInFlight, (state.inFlight += 1));
      await new Promise((resolve) => setImmediate(resolve));
      state.inFlight -= 1;
      const error = state.answers.shift()?.(batch) ?? state.always?.(batch) ?? null;
      if (error) throw error;
      for (const id of batch.removed) rows.delete(id);
      for (const event of batch.events) {
        const known = rows.get(event.sessionId) ?? [];
        const lastSeq = known.at(-1)?.seq ?? 0;
        if (event.seq <= lastSeq) continue;
        if (lastSeq > 0 && event.seq > lastSeq + 1)
          throw new MirrorError("gap", "gap", { gap: { sessionId: event.sessionId, lastSeq } });
        rows.set(event.sessionId, [...known, event]);
      }
      state.batches.push(batch);
    },
    position: async (sessionId) => rows.get(sessionId)?.at(-1)?.seq ?? 0,
    eventsAfter: async (sessionId, afterSeq) =>
      (rows.get(sessionId) ?? []).filter(({ seq }) => seq > afterSeq).slice(0, 50),
    sessionIdsAfter: async (after) => [...rows.keys()].sort().filter((id) => id > after),
  };
  return { target, rows, state, seqs: (id: string) => (rows.get(id) ?? []).map(({ seq }) => seq) };
}

const noLag = { waiting: 0, oldestMs: 0, parked: [] };
const away = () => new MirrorError("unreachable", "fetch failed");

describe("the pusher", () => {
  let t: TestDatabase;
  let log: EventLog;
  let pusher: Pusher;
  let mirror: ReturnType<typeof fakeMirror>;
  let begin: () => Promise<void>;
  const lines: unknown[] = [];
  const logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (line: unknown) => void lines.push(line),
  };
  const start = () => {
    const dirty = createDirtyMarks({ db: t.db, now: () => performance.now() });
    pusher = createPusher({
      db: t.db,
      target: mirror.target,
      dirty,
      log: logger,
      begin: () => begin(),
      intervalMs: 1,
      now: () => performance.now(),
    });
    return dirty;
  };
  beforeEach(() => {
    t = testDatabase();
    lines.length = 0;
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

  it("leaves out the one thing that is refused, says so, and goes on with the rest", async () => {
    const ids = upTo(7).map((n) => `ses_${n}`);
    for (const id of ids) t.addSession(id);
    mirror.state.always = (batch) =>
      batch.events.some(({ data }) => data.includes("poison")) ? new MirrorError("refused", "too bad") : null;
    for (const id of ids) write(id, 1, id === "ses_4" ? "poison" : "fine");
    await pusher.drained();
    for (const id of ids) expect(mirror.seqs(id)).toEqual(id === "ses_4" ? [] : [1]);
    expect(lines).toMatchObject([{ topic: "events", key: "ses_4" }]);
    expect(pusher.health()).toMatchObject({
      parked: [{ topic: "events", key: "ses_4" }],
      failingSinceMs: null,
    });
    write("ses_1", 1, "later");
    await pusher.drained();
    expect(mirror.seqs("ses_1")).toEqual([1, 2]);
  });

  it("takes a mirror that refuses everything for one that is away: nothing is left out", async () => {
    mirror.state.always = () => new MirrorError("refused", "no such function");
    write(t.sessionId, 1);
    await expect.poll(() => pusher.health().detail).toBe("no such function");
    expect(pusher.health().parked).toEqual([]);
    expect(lines).toEqual([]);
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

    it("sends again what was refused and left out", async () => {
      mirror.state.always = (batch) =>
        batch.events.some(({ data }) => data.includes("poison")) ? new MirrorError("refused", "no") : null;
      write(t.sessionId, 1, "poison");
      await pusher.drained();
      expect(pusher.health().parked).toEqual([{ topic: "events", key: t.sessionId }]);
      mirror.state.always = null;
      write(t.sessionId, 1);
      await pusher.drained();
      expect(mirror.seqs(t.sessionId)).toEqual([]);
      askRebuild(t.db, t.sessionId);
      await pusher.drained();
      expect(mirror.seqs(t.sessionId)).toEqual([1, 2]);
      expect(pusher.health().parked).toEqual([]);
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
