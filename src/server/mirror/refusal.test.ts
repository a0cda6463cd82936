import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eq } from "drizzle-orm";
import { STAND_IN_TYPE } from "../../timeline/stand-in";
import { reads, sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { mark, readKey } from "../events/outbox";
import { askRebuild } from "./ask-rebuild";
import { createDirtyMarks } from "./dirty-marks";
import { fakeMirror } from "./fake-mirror.testing";
import { type MirrorBatch, MirrorError } from "./mirror-target";
import { createPusher, type Pusher } from "./pusher";

const refused = () => new MirrorError("refused", "too bad");
const poisoned = (batch: MirrorBatch) =>
  batch.events.some(({ data }) => data.includes("poison")) ? refused() : null;

describe("what a mirror refuses for its content", () => {
  let t: TestDatabase;
  let log: EventLog;
  let pusher: Pusher;
  let mirror: ReturnType<typeof fakeMirror>;
  let lines: unknown[];
  beforeEach(() => {
    t = testDatabase();
    lines = [];
    mirror = fakeMirror();
    mirror.state.always = poisoned;
    const now = () => performance.now();
    const silent = () => undefined;
    log = createEventLog({ ...t, onCommit: () => pusher.wake() });
    pusher = createPusher({
      db: t.db,
      target: mirror.target,
      dirty: createDirtyMarks({ db: t.db, now }),
      log: { info: silent, warn: silent, error: (line: unknown) => void lines.push(line) },
      begin: async () => undefined,
      intervalMs: 1,
      now,
    });
  });
  afterEach(async () => {
    await pusher.close();
    t[Symbol.dispose]();
  });

  const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, n) => n + from);
  /** @param poison numbers among them, from 1, that are refused */
  const write = (sessionId: string, count: number, poison: readonly number[] = []) =>
    log.transaction((tx) => {
      for (const n of upTo(count)) {
        const text = poison.includes(n) ? "poison" : "fine";
        tx.append(sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text } });
      }
    });
  const standIns = (sessionId: string) =>
    (mirror.rows.get(sessionId) ?? []).filter(({ type }) => type === STAND_IN_TYPE).map(({ seq }) => seq);
  const parked = () => pusher.health().parked.map(({ topic, key }) => `${topic} ${key}`);
  const told = async (change: () => unknown) => {
    change();
    pusher.wake();
    await pusher.drained();
  };

  it("is one event that gets a stand-in and is reported; all others are there, in order", async () => {
    const ids = upTo(7).map((n) => `ses_${n}`);
    for (const id of ids) t.addSession(id);
    await told(() => ids.forEach((id) => write(id, 1)));
    await told(() => ids.forEach((id) => write(id, 300, id === "ses_4" ? [123] : [])));
    for (const id of ids) expect(mirror.seqs(id)).toEqual(upTo(301));
    expect(standIns("ses_4")).toEqual([124]);
    expect(ids.flatMap(standIns)).toEqual([124]);
    expect(lines).toMatchObject([{ sessionId: "ses_4", seq: 124, type: "part.delta" }]);
    expect(parked()).toEqual(["event ses_4 124"]);
    expect(pusher.health()).toMatchObject({ failingSinceMs: null, waiting: 0 });
  });

  it.each([
    ["alone", 1, [1]],
    ["first and last", 40, [1, 40]],
    ["next to each other", 40, [20, 21, 22]],
    ["all of them", 5, [1, 2, 3, 4, 5]],
  ])("may be some events of a session: %s", async (_where, count, poison) => {
    await told(() => write(t.sessionId, count, poison));
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(count));
    expect(standIns(t.sessionId)).toEqual(poison);
    await told(() => write(t.sessionId, 3));
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(count + 3));
    expect(lines).toHaveLength(poison.length);
  });

  it("is a whole session once it is too many of its events: the others do not wait for it", async () => {
    t.addSession("ses_other");
    await told(() => write(t.sessionId, 30, upTo(30)));
    expect(mirror.seqs(t.sessionId)).toEqual(upTo(20));
    expect(parked()).toContain(`events ${t.sessionId}`);
    await told(() => write("ses_other", 3));
    expect(mirror.seqs("ses_other")).toEqual(upTo(3));
  });

  it("is a whole session when it takes no stand-in either", async () => {
    mirror.state.always = ({ events }) => (events.length > 0 ? refused() : null);
    await told(() => write(t.sessionId, 3));
    expect(mirror.seqs(t.sessionId)).toEqual([]);
    expect(parked()).toContain(`events ${t.sessionId}`);
    expect(pusher.health().failingSinceMs).toBeNull();
  });

  it("is a row that is left out; its session's events and other rows are there", async () => {
    mirror.state.always = (batch) => (batch.people.length > 0 ? refused() : null);
    await told(() => {
      mark(t.db, [
        { topic: "person", key: t.userId },
        { topic: "session", key: t.sessionId },
      ]);
      write(t.sessionId, 3);
    });
    expect(parked()).toEqual([`person ${t.userId}`]);
    expect(mirror.seqs(t.sessionId)).toEqual([1, 2, 3]);
    expect(mirror.state.batches.flatMap((batch) => batch.sessions)).toHaveLength(1);
  });

  it("is nothing while it takes nothing at all: then it is waited for", async () => {
    mirror.state.always = () => new MirrorError("refused", "no such function");
    write(t.sessionId, 1);
    await expect.poll(() => pusher.health().detail).toBe("no such function");
    expect(parked()).toEqual([]);
    expect(lines).toEqual([]);
  });

  it("is nothing that is refused once and then taken", async () => {
    mirror.state.answers.push(refused);
    await told(() => write(t.sessionId, 1));
    expect(mirror.seqs(t.sessionId)).toEqual([1]);
    expect(standIns(t.sessionId)).toEqual([]);
    expect(lines).toEqual([]);
    mirror.state.answers.push(refused);
    await told(() => mark(t.db, [{ topic: "session", key: t.sessionId }]));
    expect(mirror.state.batches.flatMap((batch) => batch.sessions)).toHaveLength(1);
    expect(parked()).toEqual([]);
  });

  it("is forgotten with its session", async () => {
    await told(() => write(t.sessionId, 3, [2]));
    expect(parked()).toHaveLength(1);
    await told(() => {
      t.db.delete(sessions).where(eq(sessions.id, t.sessionId)).run();
      mark(t.db, [{ topic: "session", key: t.sessionId }]);
    });
    expect(parked()).toEqual([]);
  });

  describe("when it is asked to rebuild", () => {
    const rebuild = () => told(() => askRebuild(t.db, t.sessionId));

    it("is tried again, and taken when that was mended", async () => {
      await told(() => write(t.sessionId, 5, [2, 4]));
      mirror.state.always = null;
      await told(() => write(t.sessionId, 1));
      expect(standIns(t.sessionId)).toEqual([2, 4]);
      await rebuild();
      expect(mirror.seqs(t.sessionId)).toEqual(upTo(6));
      expect(standIns(t.sessionId)).toEqual([]);
      expect(parked()).toEqual([]);
    });

    it.each([
      ["an event of many", 150, [77]],
      ["its first events", 150, [1, 2]],
      ["its only event", 1, [1]],
    ])("is refused again alone: %s", async (_what, count, poison) => {
      await told(() => write(t.sessionId, count, poison));
      await rebuild();
      expect(mirror.seqs(t.sessionId)).toEqual(upTo(count));
      expect(standIns(t.sessionId)).toEqual(poison);
      expect(parked()).toEqual(poison.map((seq) => `event ${t.sessionId} ${seq}`));
      // Nobody saw it gone: what lets go of it puts its row as well.
      for (const { removed, sessions: rows } of mirror.state.batches)
        if (removed.length > 0) expect(rows).toHaveLength(1);
    });

    it("is one of its rows: the rest of the session is given back", async () => {
      await told(() => write(t.sessionId, 5));
      mirror.state.always = ({ reads }) => (reads.length > 0 ? refused() : null);
      t.db.insert(reads).values({ userId: t.userId, sessionId: t.sessionId, seq: 1 }).run();
      await rebuild();
      await expect.poll(() => mirror.seqs(t.sessionId)).toEqual(upTo(5));
      expect(mirror.state.batches.flatMap((batch) => batch.sessions).length).toBeGreaterThan(0);
      expect(parked()).toEqual([`read ${readKey(t.userId, t.sessionId)}`]);
    });
  });
});
