import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONTRACT_VERSION } from "../../../sidecar/src/protocol";
import { type Driver, DriverError, type InstanceState } from "../../drivers/driver";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createKeyedMutex } from "./keyed-mutex";
import { SESSION_LIMITS } from "./limits";
import { createReconciliation } from "./reconcile";

const RUNNING: InstanceState = { kind: "running", startedAt: "2026-11-01T00:00:00.000Z" };
const away = () => new DriverError("engine_unreachable", "Docker does not answer. Start it.", "ECONNREFUSED");

/** Rows of a real database beside an engine that is a table. */
describe("sessions and engine", () => {
  let t: TestDatabase;
  /** What the engine says of each instance; an error is thrown. */
  let engine: Map<string, InstanceState | Error>;
  let adopted: string[];
  let ended: string[];
  let removed: string[];
  let startedAnew: string[];
  /** How the engine takes its time; at once unless a test says otherwise. */
  let engineThinks: () => Promise<void>;
  let onEnd: () => void;

  beforeEach(() => {
    t = testDatabase();
    t.db.delete(sessions).run();
    engine = new Map();
    [adopted, ended, removed, startedAnew] = [[], [], [], []];
    engineThinks = async () => undefined;
    onEnd = () => undefined;
  });
  afterEach(() => t[Symbol.dispose]());

  const addSession = (name: string, state: InstanceState | Error) => {
    t.addSession(`ses_${name}`, { status: "active", instanceId: `ins_${name}` });
    engine.set(`ins_${name}`, state);
  };
  const reconcile = () => {
    const driver: Partial<Driver> = {
      list: async () =>
        [...engine.keys()].map((instanceId) => ({ instanceId, sessionId: "ses_any", state: RUNNING })),
      inspect: async (instanceId) => {
        await engineThinks();
        const state = engine.get(instanceId) ?? { kind: "gone" };
        if (state instanceof Error) throw state;
        return state;
      },
      remove: async (instanceId) => void removed.push(instanceId),
    };
    const secrets = {
      bearer: "b",
      egressSecret: "e",
      token: "t",
      publicKey: "p",
      contract: CONTRACT_VERSION,
    };
    return createReconciliation(
      {
        db: t.db,
        logger: pino({ level: "silent" }),
        driver: driver as Driver,
        connections: {
          get: () => null,
          isStreaming: () => false,
          openEgress: async () => ({ sidecarSocket: "s", egressSocket: "e" }),
          open: ({ sessionId }) => void adopted.push(sessionId) as never,
          close: async () => undefined,
          closeAll: async () => undefined,
        },
        registrar: { secretsOf: () => secrets },
        mutex: createKeyedMutex(),
      },
      {
        startAnew: (sessionId) => void startedAnew.push(sessionId),
        isStarting: () => false,
        onAdopt: () => undefined,
        end: async (sessionId) => {
          ended.push(sessionId);
          onEnd();
          t.db
            .update(sessions)
            .set({ status: "error", instanceId: null })
            .where(eq(sessions.id, sessionId))
            .run();
        },
      },
    )();
  };

  it("are one truth: what runs is taken up, what ended says so", async () => {
    addSession("alive", RUNNING);
    addSession("gone", { kind: "gone" });
    await reconcile();
    expect({ adopted, ended }).toEqual({ adopted: ["ses_alive"], ended: ["ses_gone"] });
    expect(removed).not.toContain("ins_alive");
  });

  it("begin a start anew that was cut off, without what it left; those in line go on waiting", async () => {
    t.addSession("ses_half", { status: "creating", instanceId: "ins_half" });
    t.addSession("ses_waits", { status: "creating", instanceId: "ins_stays", queuePlace: 1 });
    await reconcile();
    expect({ startedAnew, removed }).toEqual({ startedAnew: ["ses_half"], removed: ["ins_half"] });
  });

  it.each([
    ["does not answer", away()],
    ["refuses us", new DriverError("engine_permission", "Join the group docker.", "EACCES")],
  ])("stay as they are when the engine %s in the middle; the others are taken up", async (_what, error) => {
    addSession("a", error);
    addSession("b", RUNNING);
    await expect(reconcile()).rejects.toBe(error);
    expect({ adopted, ended, removed }).toEqual({ adopted: ["ses_b"], ended: [], removed: [] });
    expect(t.db.select({ status: sessions.status }).from(sessions).all()).toEqual([
      { status: "active" },
      { status: "active" },
    ]);
  });

  it("fail alone where one session's container cannot be made sense of", async () => {
    addSession("odd", new Error("not an answer of an engine"));
    addSession("fine", RUNNING);
    await reconcile();
    expect({ adopted, ended }).toEqual({ adopted: ["ses_fine"], ended: ["ses_odd"] });
  });

  it("are compared many at a time, and never more than the limit", async () => {
    const { concurrentReconciles: limit } = SESSION_LIMITS;
    const count = 2 * limit + 3;
    for (let i = 0; i < count; i += 1) addSession(`s${i}`, RUNNING);
    const asked: (() => void)[] = [];
    engineThinks = () => new Promise((answer) => void asked.push(answer));
    const done = reconcile();
    for (let answered = 0; answered < count; answered += limit) {
      // None of them is answered before so many have asked: one after the other would never get here.
      const open = Math.min(limit, count - answered);
      await expect.poll(() => asked.length).toBe(open);
      expect(adopted).toHaveLength(answered);
      for (const answer of asked.splice(0)) answer();
      await expect.poll(() => adopted.length).toBe(answered + open);
    }
    await done;
    expect(new Set(adopted).size).toBe(count);
  });

  it("are all looked at though the engine is away for some and one cannot even be marked as failed", async () => {
    addSession("a", away());
    addSession("b", new Error("not an answer of an engine"));
    addSession("c", RUNNING);
    onEnd = () => {
      throw new Error("the disk is full");
    };
    await expect(reconcile()).rejects.toThrow("Docker does not answer");
    expect({ adopted, ended }).toEqual({ adopted: ["ses_c"], ended: ["ses_b"] });
  });
});
