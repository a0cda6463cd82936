import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Driver } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import type { Connections } from "./connections";
import { createKeyedMutex } from "./keyed-mutex";
import { createLifecycle, type Lifecycle } from "./lifecycle";
import type { PromptQueue } from "./prompt-queue";
import type { Registrar } from "./registration";

/** What makes containers is not there, as nothing of it is looked at. */
describe("who may do what with a stopped session", () => {
  let t: TestDatabase;
  let log: EventLog;
  let lifecycle: Lifecycle;
  let owner: Caller;
  const row = () => t.db.select().from(sessions).where(eq(sessions.id, t.sessionId)).get();

  beforeEach(() => {
    t = testDatabase();
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
      provisioner: { provision: async () => undefined },
      registrar: {} as Registrar,
      queue: { dispatch: async () => undefined } as unknown as PromptQueue,
      mutex: createKeyedMutex(),
      halting: new Set(),
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
    "comes out of it by %s, and the log says so",
    async (act) => {
      expect(await lifecycle[act](owner, t.sessionId)).toMatchObject({ status: "creating", archived: false });
      expect(log.read(t.sessionId, 0).map(({ type, data }) => ({ type, data }))).toMatchObject([
        { type: "session.updated", data: { archived: false } },
        { type: "session.status", data: { status: "creating" } },
      ]);
    },
  );

  it("stays there when whoever may not write tries to resume it", async () => {
    const stranger = { ...owner, userId: "usr_bob" };
    await expect(lifecycle.resume(stranger, t.sessionId)).rejects.toMatchObject({ reason: "not_found" });
    expect(row()).toMatchObject({ status: "stopped", archivedAt: "2026-11-01T00:00:00.000Z" });
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
