import { eq, sql } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Driver } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { prompts, reads, sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { AppError } from "../errors";
import { createEventLog, type EventLog } from "../events/event-log";
import { IngestError } from "../events/ingest";
import { createAdmission } from "./admission";
import type { Connections } from "./connections";
import { createKeyedMutex } from "./keyed-mutex";
import { createLifecycle, type Lifecycle } from "./lifecycle";
import { SESSION_LIMITS } from "./limits";
import { createPromptQueue } from "./prompt-queue";
import type { Provisioner } from "./provisioner";
import type { Registrar } from "./registration";
import { getSession, sessionView } from "./session-store";

/** What makes containers is not there, as nothing of it is looked at. */
describe("a session's life", () => {
  let t: TestDatabase;
  let log: EventLog;
  let lifecycle: Lifecycle;
  let owner: Caller;
  let isDiskFull = false;
  /** What becomes of a start. */
  let provision: Provisioner["provision"];
  const row = () => t.db.select().from(sessions).where(eq(sessions.id, t.sessionId)).get();

  beforeEach(() => {
    t = testDatabase();
    isDiskFull = false;
    provision = async () => "ended";
    log = createEventLog(t);
    owner = {
      userId: t.userId,
      email: "o@example.test",
      name: "Owner",
      role: "owner",
      via: { kind: "token", tokenId: "tok_1", scopes: null },
    };
    lifecycle = createLifecycle({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      driver: { removeVolumes: async () => undefined } as Partial<Driver> as Driver,
      connections: { get: () => null, close: async () => undefined } as unknown as Connections,
      admission: createAdmission({
        ...t,
        log,
        logger: pino({ level: "silent" }),
        provisioner: { provision: (...start) => provision(...start) },
        maxSessions: 2,
        ping: async () => undefined,
        onStarted: async () => undefined,
        signal: new AbortController().signal,
      }),
      registrar: {} as Registrar,
      queue: createPromptQueue({
        ...t,
        log,
        logger: pino({ level: "silent" }),
        mutex: createKeyedMutex(),
        clientOf: () => null,
        connectionOf: () => null,
      }),
      mutex: createKeyedMutex(),
      halting: new Set(),
      snapshots: { requireUnused: () => undefined, removeAll: () => Promise.resolve() },
      requireDisk: () => {
        if (isDiskFull) throw new AppError("SERVICE_UNAVAILABLE", "out_of_disk", "Full. Delete something.");
      },
      onAdopt: () => undefined,
    });
    t.db
      .update(sessions)
      .set({ status: "stopped", agentState: "asleep", archivedAt: "2026-11-01T00:00:00.000Z" })
      .run();
  });
  afterEach(async () => {
    await lifecycle.close();
    t[Symbol.dispose]();
  });

  it.each(["resume", "restart", "rebuild"] as const)(
    "comes out of the archive by %s, and the log says so",
    async (act) => {
      expect(await lifecycle[act](owner, t.sessionId)).toMatchObject({ status: "creating", archived: false });
      expect(log.read(t.sessionId, 0).map(({ type, data }) => ({ type, data }))).toMatchObject([
        { type: "session.updated", data: { archived: false } },
        { type: "session.status", data: { status: "creating" } },
      ]);
    },
  );

  it.each([
    ["rebuild", null],
    ["restart", "session:bad"],
    ["resume", "session:bad"],
  ] as const)("remembers, by %s, the image that did not start it: %s", async (act, failedImage) => {
    t.db.update(sessions).set({ failedImage: "session:bad" }).run();
    await lifecycle[act](owner, t.sessionId);
    expect(row()).toMatchObject({ status: "creating", failedImage });
  });

  it("stays in the archive when whoever may not write tries to resume it", async () => {
    const stranger = { ...owner, userId: "usr_bob" };
    await expect(lifecycle.resume(stranger, t.sessionId)).rejects.toMatchObject({ reason: "not_found" });
    expect(row()).toMatchObject({ status: "stopped", archivedAt: "2026-11-01T00:00:00.000Z" });
  });

  it("is started by nobody while its files are not whole", async () => {
    const replacing = { kind: "restoring" as const, snapshotId: "snp_1", savedId: null };
    t.db.update(sessions).set({ replacing }).run();
    for (const act of ["resume", "restart", "rebuild"] as const)
      await expect(lifecycle[act](owner, t.sessionId)).rejects.toMatchObject({ reason: "damaged" });
    // Nor when the reason is another one by now.
    await lifecycle.stop(owner, t.sessionId);
    await expect(lifecycle.resume(owner, t.sessionId)).rejects.toMatchObject({ reason: "damaged" });
    expect(row()).toMatchObject({ status: "stopped", replacing });
  });

  it("stands still while its files are replaced, and goes on if it ran", async () => {
    t.db.update(sessions).set({ status: "idle" }).run();
    const reason = { code: "restoring", message: "Files are put back." };
    const seen: unknown[] = [];
    await lifecycle.putAside(t.sessionId, {
      reason,
      check: ({ status }) => seen.push(status),
      onStopped: () => seen.push(row()?.reason),
      async work() {
        const resumed = lifecycle.resume(owner, t.sessionId).then(() => seen.push("resumed"));
        await Promise.race([resumed, new Promise(setImmediate)]);
        seen.push("replaced");
        return { failure: null, tell: () => seen.push("told") };
      },
    });
    expect(seen.slice(0, 4)).toEqual(["idle", reason, "replaced", "told"]);
    expect(row()).toMatchObject({ status: "creating", reason: null });
  });

  it("stays stopped, with the reason, when its files could not be replaced, and as it was when it must not be stopped", async () => {
    t.db.update(sessions).set({ status: "idle" }).run();
    const aside = { reason: { code: "restoring", message: "…" }, onStopped: () => undefined };
    const failure = { code: "not_restored", message: "The disk is full." };
    const work = async () => ({ failure, tell: () => undefined });
    const refusing = { ...aside, work, check: () => expect.fail("busy") };
    await expect(lifecycle.putAside(t.sessionId, refusing)).rejects.toThrow("busy");
    expect(row()).toMatchObject({ status: "idle" });
    await lifecycle.putAside(t.sessionId, { ...aside, work, check: () => undefined });
    expect(row()).toMatchObject({ status: "stopped", reason: failure });
  });

  describe("beside as many as may run", () => {
    const model = { providerId: "demo", modelId: "demo-1" };
    const of = (id: string) => {
      const { status, queuePlace } = getSession(t.db, id);
      return { status, waits: queuePlace !== null };
    };
    let running: string[];
    let waiting: string[];
    let begun: string[];

    beforeEach(async () => {
      begun = [];
      provision = async ({ sessionId }) => {
        begun.push(sessionId);
        t.db.update(sessions).set({ status: "idle" }).where(eq(sessions.id, sessionId)).run();
        return "ended";
      };
      await lifecycle.reconcile();
      running = [lifecycle.create(owner, { model }).id, lifecycle.create(owner, { model }).id];
      await vi.waitFor(() =>
        expect(running.map(of)).toEqual(running.map(() => ({ status: "idle", waits: false }))),
      );
      waiting = [lifecycle.create(owner, { model }).id, lifecycle.create(owner, { model }).id];
    });

    it("waits in line, new or resumed, and starts in its turn", async () => {
      expect(await lifecycle.resume(owner, t.sessionId)).toMatchObject({
        status: "creating",
        queue: { position: 3, reason: { code: "session_limit" } },
      });
      expect(begun).toEqual(running);
      await lifecycle.stop(owner, String(running[0]));
      await vi.waitFor(() => expect(begun).toEqual([...running, waiting[0]]));
      expect(sessionView(t.db, owner, getSession(t.db, t.sessionId)).queue?.position).toBe(2);
    });

    it("leaves the line when it is stopped or deleted, and is never started after", async () => {
      await lifecycle.stop(owner, String(waiting[0]));
      expect(of(String(waiting[0]))).toEqual({ status: "stopped", waits: false });
      await lifecycle.remove(owner, String(waiting[1]));
      await Promise.all(running.map((id) => lifecycle.stop(owner, id)));
      expect(begun).toEqual(running);
    });

    it("is stopped, and stands in nobody's way, also where its stop fails half-way", async () => {
      const [first = "", second = ""] = waiting;
      t.db.update(sessions).set({ instanceId: "ins_left" }).where(eq(sessions.id, first)).run();
      t.db.run(
        sql`create trigger full before update of instance_id on sessions begin select raise(fail, 'disk full'); end`,
      );
      await expect(lifecycle.stop(owner, first)).rejects.toThrow();
      t.db.run(sql`drop trigger full`);
      expect(of(first)).toEqual({ status: "stopped", waits: false });
      await lifecycle.stop(owner, String(running[0]));
      await vi.waitFor(() => expect(begun).toEqual([...running, second]));
    });

    it("keeps its place by a restart or rebuild, and gives up none that it had", async () => {
      expect(await lifecycle.restart(owner, String(waiting[1]))).toMatchObject({ queue: { position: 2 } });
      await lifecycle.rebuild(owner, String(running[0]));
      await vi.waitFor(() => expect(begun).toEqual([...running, running[0]]));
      expect(waiting.map(of)).toEqual(waiting.map(() => ({ status: "creating", waits: true })));
    });

    it("is refused when too many wait already, and nothing is made of it", () => {
      const isFull: unknown = expect.objectContaining({ code: "CONFLICT", reason: "session_limit" });
      expect(() => {
        for (let n = 0; n <= SESSION_LIMITS.maxWaitingSessions; n += 1) lifecycle.create(owner, { model });
      }).toThrow(isFull);
      const made = t.db.select({ id: sessions.id }).from(sessions).all().length;
      expect(made).toBe(1 + running.length + SESSION_LIMITS.maxWaitingSessions);
    });
  });

  it("does not begin on a full disk; one that exists starts again, as room is made in it", async () => {
    isDiskFull = true;
    const model = { providerId: "demo", modelId: "demo-1" };
    expect(() => lifecycle.create(owner, { model })).toThrow(
      expect.objectContaining({ reason: "out_of_disk" }),
    );
    expect(t.db.select({ id: sessions.id }).from(sessions).all()).toEqual([{ id: t.sessionId }]);
    expect(await lifecycle.resume(owner, t.sessionId)).toMatchObject({ status: "creating" });
  });

  it("is begun whole or not at all", () => {
    const model = { providerId: "demo", modelId: "demo-1" };
    t.db.run(sql`create trigger full before insert on prompts begin select raise(fail, 'disk full'); end`);
    expect(() => lifecycle.create(owner, { model, prompt: "hello" })).toThrow(/disk full|Failed query/);
    expect(t.db.select({ id: sessions.id }).from(sessions).all()).toEqual([{ id: t.sessionId }]);
    t.db.run(sql`drop trigger full`);
    const { id } = lifecycle.create(owner, { model, prompt: "hello" });
    expect(log.read(id, 0).map((event) => event.type)).toEqual(["session.status", "prompt.queued"]);
  });

  it("that broke the rules of the stream says so, and its next container begins with its own events", async () => {
    t.db.update(sessions).set({ status: "active", epoch: 3, heldEpoch: 3, heldN: 7 }).run();
    lifecycle.onForged(t.sessionId, new IngestError("malformed", "Event (3, 8) has the wrong shape"));
    await vi.waitFor(() => expect(row()).toMatchObject({ status: "error", heldEpoch: 4, heldN: 0 }), 15_000);
    expect(row()?.reason).toMatchObject({
      code: "forged_events",
      detail: "Event (3, 8) has the wrong shape",
    });
  });

  describe("when nobody uses it", () => {
    const reason = { code: "idle", message: "Nobody used it." };
    const readTo = (userId: string) =>
      t.db.select({ seq: reads.seq }).from(reads).where(eq(reads.userId, userId)).get()?.seq;
    beforeEach(() => {
      t.db.update(sessions).set({ status: "idle", lastSeq: 0, stopsAt: "2026-11-01T00:15:00.000Z" }).run();
      log.transaction((tx) => tx.append(t.sessionId, { type: "todo.updated", data: { todos: [] } }));
      for (const [userId, seq] of [
        ["usr_read", 1],
        ["usr_unread", 0],
      ] as const)
        t.db.insert(reads).values({ userId, sessionId: t.sessionId, seq }).run();
    });

    it("stops with the reason, which is news to nobody who had read it", async () => {
      await lifecycle.stopIdle(t.sessionId, reason, () => true);
      expect(row()).toMatchObject({ status: "stopped", reason, stopsAt: null, lastSeq: 2 });
      expect(readTo("usr_read")).toBe(2);
      expect(readTo("usr_unread")).toBe(0);
    });

    it("does not stop when it is used after all, or no longer idle", async () => {
      await lifecycle.stopIdle(t.sessionId, reason, () => false);
      expect(row()?.status).toBe("idle");
      t.db.update(sessions).set({ status: "active" }).run();
      await lifecycle.stopIdle(t.sessionId, reason, () => true);
      expect(row()?.status).toBe("active");
    });

    it("starts again for a prompt that came while it stopped", async () => {
      await lifecycle.stopIdle(t.sessionId, reason, () => {
        const times = { createdAt: "2026-11-01T00:00:00.000Z", position: 1 };
        const prompt = { id: "prm_1", sessionId: t.sessionId, userId: t.userId, key: "k", text: "wait" };
        t.db
          .insert(prompts)
          .values({ ...prompt, ...times, kind: "prompt", state: "queued", answeredState: "queued" })
          .run();
        return true;
      });
      expect(row()?.status).toBe("creating");
    });
  });

  it("is removed by its owner, and by nobody who only writes there", async () => {
    const teammate = { ...owner, userId: "usr_bob" };
    t.db.update(sessions).set({ visibility: "team-write" }).run();
    await expect(lifecycle.remove(teammate, t.sessionId)).rejects.toMatchObject({
      reason: "not_found",
      message: "Only the session's owner may do that. Ask them to.",
    });
    expect(row()).toBeDefined();
    await lifecycle.remove(owner, t.sessionId);
    expect(row()).toBeUndefined();
  });
});
