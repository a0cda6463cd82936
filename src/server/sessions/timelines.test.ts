import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyEvent, emptyTimeline } from "../../timeline/timeline";
import type { Caller } from "../auth/caller";
import { events, sessions, users } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog, READ_LIMIT } from "../events/event-log";
import type { Lifecycle } from "./lifecycle";
import { createSessions } from "./sessions";
import { createTimelines, type Timelines } from "./timelines";

const READS = 8;

/** Of a log that takes {@link READS} reads and one that finds nothing more. */
describe("the conversation of a session", () => {
  let t: TestDatabase;
  let log: EventLog;
  let timelines: Timelines;
  let reads: number[];
  /** Happens at the read of that number, the first is 1. */
  let atRead: Map<number, () => void>;

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    reads = [];
    atRead = new Map();
    timelines = createTimelines({
      read(sessionId, afterSeq) {
        reads.push(afterSeq);
        atRead.get(reads.length)?.();
        return log.read(sessionId, afterSeq);
      },
    });
    log.transaction((tx) => {
      for (let n = 0; n < READS * READ_LIMIT; n += 1)
        tx.append(t.sessionId, { type: "session.updated", data: { title: `title ${n}` } });
    });
  });
  afterEach(() => t[Symbol.dispose]());

  const append = () =>
    log.transaction((tx) => tx.append(t.sessionId, { type: "session.updated", data: { title: "last" } })).seq;
  const nextTurn = () => new Promise(setImmediate);

  it("is read in pieces, between which others get their turn", async () => {
    let turns = 0;
    const count = () => {
      turns += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    const timeline = await timelines.of(t.sessionId);
    clearImmediate(immediate);
    expect(turns).toBeGreaterThanOrEqual(READS - 1);
    expect(timeline).toEqual(allEvents().reduce(applyEvent, emptyTimeline()));
  });

  function allEvents() {
    const all = log.read(t.sessionId, 0);
    for (let more = all; more.length > 0; more = log.read(t.sessionId, all.length)) {
      if (more !== all) all.push(...more);
    }
    return all;
  }

  it("is read once for all who ask at the same time, and then only what is new", async () => {
    const first = timelines.of(t.sessionId);
    await nextTurn();
    const [one, two] = await Promise.all([first, timelines.of(t.sessionId)]);
    expect(two).toBe(one);
    expect(reads).toHaveLength(READS + 1);
    const seq = append();
    expect((await timelines.of(t.sessionId)).lastSeq).toBe(seq);
    expect(reads.slice(READS + 1)).toEqual([seq - 1, seq]);
  });

  it("holds what was appended while it was read, for whoever asked after that too", async () => {
    const first = timelines.of(t.sessionId);
    await nextTurn();
    const seq = append();
    const second = timelines.of(t.sessionId);
    expect((await second).lastSeq).toBe(seq);
    expect(await first).toBe(await second);
  });

  it("holds what was appended right at the end of a reading", async () => {
    let asked: ReturnType<Timelines["of"]> | undefined;
    let seq = 0;
    atRead.set(READS + 1, () => {
      seq = append();
      asked = timelines.of(t.sessionId);
    });
    await timelines.of(t.sessionId);
    expect((await asked)?.lastSeq).toBe(seq);
    expect(seq).toBe(READS * READ_LIMIT + 1);
  });

  it("is not kept of a session that is forgotten while it is read", async () => {
    const reading = timelines.of(t.sessionId);
    await nextTurn();
    t.db.delete(events).where(eq(events.sessionId, t.sessionId)).run();
    timelines.forget(t.sessionId);
    expect(await timelines.of(t.sessionId)).toEqual(emptyTimeline());
    await reading;
    expect(await timelines.of(t.sessionId)).toEqual(emptyTimeline());
  });

  it("is read anew after a reading that failed", async () => {
    atRead.set(3, () => {
      throw new Error("The disk cannot be read.");
    });
    const [one, two] = [timelines.of(t.sessionId), timelines.of(t.sessionId)];
    await expect(one).rejects.toThrow("The disk");
    await expect(two).rejects.toThrow("The disk");
    expect((await timelines.of(t.sessionId)).lastSeq).toBe(READS * READ_LIMIT);
  });

  it("is not given to someone who loses sight of the session while it is read", async () => {
    const bob: Caller = {
      userId: "usr_bob",
      email: "b@example.test",
      name: "Bob",
      role: "member",
      via: { kind: "browser", loginSessionId: "lgn_1" },
    };
    const { userId: id, email, name, role } = bob;
    t.db.insert(users).values({ id, email, name, role, passwordHash: "-", createdAt: "2026-11-01" }).run();
    const share = (visibility: "private" | "team-read") =>
      t.db.update(sessions).set({ visibility }).where(eq(sessions.id, t.sessionId)).run();
    const service = createSessions({
      ...t,
      log,
      lifecycle: {} as Lifecycle,
      timelines,
      models: { resolve: () => ({}) as never },
      idle: { seen: () => undefined, watch: () => () => undefined },
      recheckAccess: () => undefined,
    });
    share("team-read");
    expect((await service.timeline(bob, { id: t.sessionId, limit: 1 })).lastSeq).toBe(READS * READ_LIMIT);
    timelines.forget(t.sessionId);
    const asked = service.timeline(bob, { id: t.sessionId, limit: 1 });
    share("private");
    await expect(asked).rejects.toMatchObject({ reason: "not_found" });
  });
});
