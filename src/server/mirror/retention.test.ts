import { setTimeout as delay } from "node:timers/promises";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import type { SessionStatus } from "../../../sidecar/src/contract";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { mark } from "../events/outbox";
import type { Logger } from "../log";
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
  /** Of the outbox. */
  let clear: MockInstance<() => void>;
  let warn: ReturnType<typeof vi.fn<Logger["warn"]>>;
  beforeEach(() => {
    t = testDatabase();
    mirror = fakeMirror();
    const now = () => performance.now();
    const logger = { info: () => undefined, warn: vi.fn<Logger["warn"]>(), error: () => undefined };
    warn = logger.warn;
    log = createEventLog({ ...t, onCommit: () => pusher.wake() });
    const dirty = createDirtyMarks({ db: t.db, now });
    clear = vi.spyOn(dirty, "clear");
    pusher = createPusher({
      db: t.db,
      target: mirror.target,
      dirty,
      log: logger,
      begin: async () => undefined,
      intervalMs: 1,
      now,
    });
    retention = createRetention({ db: t.db, pusher, log: logger, now: () => t.clock.monotonicNow() });
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
  /** 250 events. In one go it would be given the newest alone. */
  const writeMany = async () => {
    await write(t.sessionId, 150);
    await write(t.sessionId, 100);
  };
  const become = (status: SessionStatus) =>
    t.db.update(sessions).set({ status }).where(eq(sessions.id, t.sessionId)).run();
  const look = (afterMs: number) => {
    t.clock.advance(afterMs);
    retention.look();
  };
  /** Seen at rest for as long as events are kept. */
  const rest = () => {
    look(0);
    look(KEPT_MS);
  };
  const seqs = (sessionId = t.sessionId) => mirror.seqs(sessionId);
  /** So many there were, and after a while still are. */
  const calls = async (count: number) => {
    await delay(400);
    expect(mirror.state.letGoCalls).toBe(count);
  };
  /** Every call that was due has been made. */
  const nothingGoes = async (of: number[]) => {
    await pusher.drained();
    expect(seqs()).toEqual(of);
    expect(mirror.state.letGoCalls).toBe(0);
  };

  it("lets go of the events of a session that has not run for ten minutes, and of nothing else", async () => {
    t.addSession("ses_runs");
    await write(t.sessionId, 5);
    await write("ses_runs", 5);
    become("stopped");
    const told = mirror.state.batches.length;
    look(0);
    look(KEPT_MS - 1);
    await nothingGoes(upTo(5));
    look(1);
    await expect.poll(seqs).toEqual([]);
    expect(seqs("ses_runs")).toEqual(upTo(5));
    expect(mirror.state.batches).toHaveLength(told);
    const calls = mirror.state.letGoCalls;
    rest();
    await pusher.drained();
    expect(mirror.state.letGoCalls).toBe(calls);
  });

  it.each([
    ["ran in between", () => become("active")],
    ["got an event", () => write(t.sessionId, 1)],
  ])("counts the ten minutes anew for a session that %s", async (_what, meanwhile) => {
    await write(t.sessionId, 5);
    become("stopped");
    look(0);
    await meanwhile();
    look(KEPT_MS);
    become("stopped");
    look(0);
    look(KEPT_MS - 1);
    await nothingGoes(upTo(seqs().length));
    look(1);
    await expect.poll(seqs).toEqual([]);
  });

  it("lets go a few at a time, the oldest first, and what others have to tell goes in between", async () => {
    t.addSession("ses_runs");
    await writeMany();
    become("stopped");
    const seen: number[] = [];
    const clears: number[] = [];
    mirror.state.onLetGo = () => {
      clears.push(clear.mock.calls.length);
      seen.push(seqs()[0] ?? 0);
      if (seen.length === 2) void write("ses_runs", 1);
      if (seen.length === 3) expect(seqs("ses_runs")).toEqual([1]);
      return null;
    };
    rest();
    await expect.poll(seqs).toEqual([]);
    expect(seen).toEqual([1, 101, 201]);
    // That waits for the disk.
    expect(clears).toEqual([clears[0], clears[0], clears[0]]);
  });

  it("stops half-way when the session runs again, which goes on where it was", async () => {
    await writeMany();
    become("stopped");
    mirror.state.onLetGo = () => {
      if (seqs().length === 150) become("active");
      return null;
    };
    rest();
    await expect.poll(() => seqs().length).toBe(50);
    await calls(2);
    await write(t.sessionId, 2);
    expect(seqs()).toEqual(upTo(52, 201));
  });

  it("stops half-way when the session gets an event, stopped as it is, and begins anew ten minutes later", async () => {
    await writeMany();
    become("stopped");
    mirror.state.onLetGo = () => {
      if (seqs().length === 250) void write(t.sessionId, 1);
      return null;
    };
    rest();
    await expect.poll(() => seqs().at(-1)).toBe(251);
    await calls(1);
    expect(seqs()).toEqual(upTo(151, 101));
    rest();
    await expect.poll(seqs).toEqual([]);
  });

  it("forgets which events were refused: there is no stand-in for them any more", async () => {
    mirror.state.always = ({ events }) =>
      events.some(({ seq, type }) => seq === 2 && type === "part.delta")
        ? new MirrorError("refused", "too bad")
        : null;
    await write(t.sessionId, 5);
    expect(pusher.health().parked).toHaveLength(1);
    become("stopped");
    rest();
    await expect.poll(seqs).toEqual([]);
    expect(pusher.health().parked).toEqual([]);
  });

  it("begins again with the newest when the session is resumed", async () => {
    await write(t.sessionId, 300);
    become("error");
    rest();
    await expect.poll(seqs).toEqual([]);
    become("active");
    await write(t.sessionId, 3);
    expect(seqs()).toEqual(upTo(200, 104));
    become("stopped");
    rest();
    await expect.poll(seqs).toEqual([]);
  });

  it("asks again when the answer is lost, also of a session that ran meanwhile: nothing is missing there", async () => {
    await writeMany();
    become("stopped");
    t.addSession("ses_runs");
    let lost = 0;
    mirror.state.onLetGo = () => {
      // The first two calls did their work.
      if ((lost += 1) > 2) return null;
      if (lost === 2) become("active");
      return new MirrorError("unreachable", "the answer is lost");
    };
    rest();
    await expect.poll(() => lost).toBe(1);
    // That is its own failure alone.
    await write("ses_runs", 1);
    expect(pusher.health().failingSinceMs).toBeNull();
    await expect.poll(() => lost).toBe(2);
    await write(t.sessionId, 2);
    expect(seqs()).toEqual(upTo(52, 201));
    become("stopped");
    rest();
    await expect.poll(seqs).toEqual([]);
  });

  it("asks again when it is refused once", async () => {
    await write(t.sessionId, 5);
    become("stopped");
    mirror.state.onLetGo = () =>
      mirror.state.letGoCalls === 1 ? new MirrorError("refused", "it took too long") : null;
    rest();
    await expect.poll(seqs).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  it("says that a mirror with older functions keeps them, and goes on", async () => {
    t.addSession("ses_other");
    await write(t.sessionId, 5);
    await write("ses_other", 5);
    t.db.update(sessions).set({ status: "stopped" }).run();
    mirror.state.onLetGo = (sessionId) =>
      sessionId === t.sessionId ? new MirrorError("refused", "no such function") : null;
    rest();
    await expect.poll(() => seqs("ses_other")).toEqual([]);
    await expect.poll(() => warn.mock.calls.length).toBe(1);
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ sessionId: t.sessionId }),
      expect.any(String),
    );
    expect(seqs()).toEqual(upTo(5));
    await write(t.sessionId, 1);
    expect(pusher.health()).toMatchObject({ failingSinceMs: null, waiting: 0 });
  });

  it("forgets a session that was deleted meanwhile", async () => {
    await write(t.sessionId, 5);
    become("stopped");
    look(0);
    t.clock.advance(KEPT_MS);
    retention.look();
    t.db.delete(sessions).where(eq(sessions.id, t.sessionId)).run();
    mark(t.db, [{ topic: "session", key: t.sessionId }]);
    pusher.wake();
    await pusher.drained();
    expect(mirror.state.batches.at(-1)).toEqual({ ...emptyBatch(), removed: [t.sessionId] });
    expect(mirror.state.letGoCalls).toBe(0);
    expect(pusher.holding()).toEqual(new Map());
  });

  it("says so when the database could not be read, and looks again", () => {
    const broken = createRetention({
      db: t.db,
      pusher: {
        holding: () => {
          throw new Error("disk I/O error");
        },
        release: () => undefined,
      },
      log: { warn },
      now: () => 0,
    });
    broken.look();
    broken.look();
    expect(warn).toHaveBeenCalledTimes(2);
  });
});
