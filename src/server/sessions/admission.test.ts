import { eq, sql } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { marksAfter } from "../events/outbox";
import { admitted, type Admission, createAdmission } from "./admission";
import { SESSION_LIMITS } from "./limits";
import { queueOf, waitsFor } from "./line";
import { getSession, setStatus } from "./session-store";

const MOST = 6;
const AT_ONCE = SESSION_LIMITS.concurrentStarts;

describe("how many are admitted", () => {
  it.each([
    [{ places: 3, starts: 2 }, 2],
    [{ places: 1, starts: 4 }, 1],
    [{ places: 0, starts: 4 }, 0],
    [{ places: -2, starts: 4 }, 0],
  ])("%o: %i", (free, count) => expect(admitted(free)).toBe(count));

  it("and what each of the others waits for", () => {
    const line = (places: number) => [0, 1, 2].map((index) => waitsFor(index, { places }));
    expect(line(2)).toEqual(["session_busy", "session_busy", "session_limit"]);
    expect(line(-1)).toEqual(["session_limit", "session_limit", "session_limit"]);
  });
});

/** Starts that end when the test says so. */
describe("the line of sessions", () => {
  let t: TestDatabase;
  let log: EventLog;
  let admission: Admission;
  /** Starts under way, by session. */
  let starts: Map<string, (outcome: "idle" | "error" | "engine away") => void>;
  /** All that began, in order. */
  let begun: string[];
  let onError: () => void;
  let isEngineThere: boolean;
  let ending: AbortController;

  const createAnother = () =>
    createAdmission({
      ...t,
      log,
      logger: pino({}, { write: () => onError() }),
      provisioner: {
        provision: ({ sessionId: id, waitsForEngine }, signal) =>
          new Promise((resolve) => {
            begun.push(id);
            const end = (outcome: "ended" | "engine away") => {
              starts.delete(id);
              resolve(outcome);
            };
            starts.set(id, (outcome) => {
              if (outcome === "engine away" && waitsForEngine) return end(outcome);
              const status = outcome === "idle" ? "idle" : "error";
              log.transaction((tx) => setStatus(tx, id, { status }));
              end("ended");
            });
            signal.addEventListener("abort", () => end("ended"));
          }),
      },
      maxSessions: MOST,
      ping: () => (isEngineThere ? Promise.resolve() : Promise.reject(new Error("away"))),
      onStarted: async () => undefined,
      signal: ending.signal,
    });
  const endServer = async () => {
    ending.abort();
    await admission.close();
  };

  beforeEach(() => {
    t = testDatabase();
    t.db.delete(sessions).run();
    log = createEventLog(t);
    starts = new Map();
    begun = [];
    onError = () => undefined;
    isEngineThere = true;
    ending = new AbortController();
    admission = createAnother();
    admission.open();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await endServer();
    t[Symbol.dispose]();
  });

  const add = (id: string, opts?: { first?: boolean }) => {
    t.addSession(id, { status: "stopped" });
    log.transaction((tx) => {
      setStatus(tx, id, { status: "creating" });
      admission.lineUp(tx, id, opts);
    });
    admission.begin(id);
  };
  const addMany = (count: number, prefix = "s") => {
    const ids = Array.from({ length: count }, (_, n) => `${prefix}${n + 1}`);
    for (const id of ids) add(id);
    return ids;
  };
  const queue = (id: string) => queueOf(t.db, getSession(t.db, id));
  const line = () => {
    const at = (id: string) => queue(id)?.position ?? 0;
    const ids = t.db
      .select({ id: sessions.id })
      .from(sessions)
      .all()
      .map((row) => row.id);
    return ids.filter((id) => at(id) > 0).sort((a, b) => at(a) - at(b));
  };
  /** A start's end is heard of a few microtasks later. */
  const endStart = async (id: string, outcome: "idle" | "error" | "engine away" = "idle") => {
    starts.get(id)?.(outcome);
    await vi.waitFor(() => expect(admission.isStarting(id)).toBe(false));
  };
  const stop = (id: string) => {
    log.transaction((tx) => setStatus(tx, id, { status: "stopped" }));
    admission.next();
  };

  it("begins where no more can start at once, and moves on with each start that ends, well or not", async () => {
    const ids = addMany(AT_ONCE + 2);
    expect(begun).toEqual(ids.slice(0, AT_ONCE));
    expect(queue("s6")).toMatchObject({ position: 2, reason: { code: "session_busy" } });
    await endStart("s2");
    expect([begun.at(-1), queue("s6")?.position]).toEqual(["s5", 1]);
    await endStart("s1", "error");
    expect([begun.at(-1), line()]).toEqual(["s6", []]);
  });

  it("holds those back for whom there is no place, and says so", async () => {
    addMany(MOST + 2);
    for (const id of ["s1", "s2", "s3", "s4", "s5", "s6"]) await endStart(id);
    expect(line()).toEqual(["s7", "s8"]);
    expect(queue("s7")?.reason.code).toBe("session_limit");
    stop("s3");
    expect([begun.at(-1), line()]).toEqual(["s7", ["s8"]]);
  });

  it("lets nobody overtake, but for who ran a moment ago", async () => {
    addMany(AT_ONCE + 1);
    add("late");
    add("restarted", { first: true });
    add("restarted later", { first: true });
    expect(line()).toEqual(["restarted", "restarted later", "s5", "late"]);
    await endStart("s1");
    expect(begun.at(-1)).toBe("restarted");
  });

  it("tells the mirror of everybody whose place has changed, and of no one else", async () => {
    addMany(AT_ONCE + 3);
    const last = marksAfter(t.db, 0, 1_000).at(-1)?.id ?? 0;
    log.transaction((tx) => setStatus(tx, "s6", { status: "stopped" }));
    const told = marksAfter(t.db, last, 1_000).map(({ topic, key }) => `${topic} ${key}`);
    expect(told.sort()).toEqual(["events s6", "session s5", "session s6", "session s7"]);
  });

  it("has nobody who was stopped, whether waiting or starting", async () => {
    addMany(AT_ONCE + 1);
    stop("s5");
    expect(queue("s5")).toBeNull();
    await admission.cancel("s1");
    expect(admission.isStarting("s1")).toBe(false);
    stop("s1");
    expect(begun).toEqual(["s1", "s2", "s3", "s4"]);
  });

  it("outlives the server with everybody's place, and moves when rows and engine are one truth", async () => {
    const ids = addMany(AT_ONCE + 3);
    await endServer();
    admission.next();
    expect(line()).toEqual(ids.slice(AT_ONCE));
    begun = [];
    ending = new AbortController();
    admission = createAnother();
    admission.next();
    expect(begun).toEqual([]);
    // Those whose start was cut off hold their places until they are begun anew.
    admission.open();
    expect([begun, line()]).toEqual([["s5", "s6"], ["s7"]]);
  });

  describe("while the engine is away", () => {
    const engineIsBack = async () => {
      isEngineThere = true;
      await vi.advanceTimersByTimeAsync(SESSION_LIMITS.engineAwayRetryMs);
    };
    beforeEach(() => {
      vi.useFakeTimers();
      isEngineThere = false;
    });

    it("stands still and says why, whatever is found out about rows and containers", async () => {
      addMany(AT_ONCE + 2);
      admission.hold();
      starts.get("s1")?.("error");
      await vi.advanceTimersByTimeAsync(3 * SESSION_LIMITS.engineAwayRetryMs);
      admission.open();
      add("new");
      expect(line()).toEqual(["s5", "s6", "new"]);
      for (const id of line()) expect(queue(id)?.reason.code).toBe("engine_unreachable");
      await engineIsBack();
      expect([begun.at(-1), line()]).toEqual(["s5", ["s6", "new"]]);
      expect(queue("new")?.reason.code).toBe("session_busy");
    });

    it("gives everybody back the place who could not be started, and fails nobody", async () => {
      addMany(AT_ONCE + 4);
      for (const id of ["s1", "s2", "s3", "s4"]) starts.get(id)?.("error");
      await vi.advanceTimersByTimeAsync(0);
      expect(begun.slice(AT_ONCE)).toEqual(["s5", "s6", "s7", "s8"]);
      add("late");
      for (const id of ["s8", "s5", "s7", "s6"]) starts.get(id)?.("engine away");
      await vi.advanceTimersByTimeAsync(0);
      expect(line()).toEqual(["s5", "s6", "s7", "s8", "late"]);
      expect(getSession(t.db, "s5")).toMatchObject({ status: "creating", queueReason: "engine_unreachable" });
      expect(begun).toHaveLength(2 * AT_ONCE);
      await engineIsBack();
      expect(begun.slice(2 * AT_ONCE)).toEqual(["s5", "s6", "s7", "s8"]);
    });

    it("starts at once who does not have to wait: then the engine's sentence is told", async () => {
      admission.hold();
      add("s1");
      expect(begun).toEqual(["s1"]);
      starts.get("s1")?.("engine away");
      await vi.advanceTimersByTimeAsync(0);
      expect(getSession(t.db, "s1").status).toBe("error");
    });
  });

  it("moves on as soon as something can be written again", async () => {
    addMany(AT_ONCE + 1);
    t.db.run(sql`create trigger full before update on sessions begin select raise(fail, 'disk full'); end`);
    let errors = 0;
    onError = () => {
      errors += 1;
      t.db.run(sql`drop trigger full`);
    };
    t.db.delete(sessions).where(eq(sessions.id, "s1")).run();
    await admission.cancel("s1");
    expect({ errors, begun: begun.at(-1) }).toEqual({ errors: 1, begun: "s4" });
    await vi.waitFor(() => expect(begun.at(-1)).toBe("s5"), 5_000);
  });

  it("takes no more than may wait", () => {
    addMany(AT_ONCE + SESSION_LIMITS.maxWaitingSessions - 1);
    expect(() => admission.requireRoom(t.db)).not.toThrow();
    add("last");
    expect(() => admission.requireRoom(t.db)).toThrow(expect.objectContaining({ reason: "session_limit" }));
  });
});
