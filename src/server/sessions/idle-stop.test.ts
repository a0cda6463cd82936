import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PromptState, prompts, sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { createIdleStop, type IdleStop } from "./idle-stop";
import { SESSION_LIMITS } from "./limits";

const MINUTE = 60_000;

describe("a session that nobody uses", () => {
  let t: TestDatabase;
  let log: EventLog;
  let idle: IdleStop;
  let limit: number;
  let stopped: string[];
  /** In the session's one terminal; "away": its container cannot be asked; "untold": its sidecar is too old to say. */
  let program: "none" | "runs" | "away" | "untold";
  const row = () => t.db.select().from(sessions).where(eq(sessions.id, t.sessionId)).get();
  const change = (to: Partial<typeof sessions.$inferInsert>) =>
    t.db.update(sessions).set(to).where(eq(sessions.id, t.sessionId)).run();

  function make(): IdleStop {
    return createIdleStop({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      minutes: () => limit,
      clientOf: () => ({
        async listTerminals() {
          if (program === "away") throw new SidecarError("unreachable", "The sidecar does not answer.");
          const foreground = program === "untold" ? undefined : program === "runs";
          const size = { cols: 80, rows: 24, endOffset: 0 };
          return [{ terminalId: "trm_1", running: true, exitCode: null, foreground, ...size }];
        },
      }),
      async stop(id, reason, isStillIdle) {
        if (!isStillIdle()) return;
        stopped.push(reason.message);
        change({ status: "stopped" });
      },
    });
  }
  /** Time goes by, with a look at all sessions as often as the server has one. */
  async function pass(ms: number, also: () => void = () => undefined) {
    for (let gone = 0; gone < ms; gone += SESSION_LIMITS.idleCheckMs) {
      t.clock.advance(SESSION_LIMITS.idleCheckMs);
      also();
      await idle.check();
    }
  }
  function addPrompt(state: PromptState) {
    const prompt = {
      id: "prm_1",
      sessionId: t.sessionId,
      userId: t.userId,
      key: "k",
      text: "hi",
      position: 1,
    };
    const answer = { answeredState: "queued", createdAt: "2026-11-01T00:00:00.000Z" } as const;
    t.db
      .insert(prompts)
      .values({ ...prompt, ...answer, kind: "prompt", state })
      .run();
  }

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    limit = 15;
    stopped = [];
    program = "none";
    idle = make();
  });
  afterEach(() => t[Symbol.dispose]());

  it("is told of a minute before, and stopped after the limit, with the reason", async () => {
    await pass(13.5 * MINUTE);
    expect(row()?.stopsAt).toBeNull();
    await pass(MINUTE);
    const stopsAt = Date.parse(row()?.stopsAt ?? "");
    expect(stopsAt - t.clock.now()).toBeLessThanOrEqual(MINUTE);
    expect(stopped).toEqual([]);
    await pass(MINUTE);
    expect(stopped).toEqual([expect.stringContaining("for 15 minutes")]);
  });

  it("is not told in its log, where it would be unread for everybody", async () => {
    await pass(14.5 * MINUTE);
    expect(row()?.stopsAt).not.toBeNull();
    expect(log.read(t.sessionId, 0)).toEqual([]);
  });

  it.each([
    ["somebody looks at it", () => idle.seen(t.sessionId)],
    ["its log goes on", () => change({ lastSeq: (row()?.lastSeq ?? 0) + 1 })],
    ["its turn runs", () => change({ status: "active" })],
  ])("is not stopped while %s, however long", async (_, use) => {
    await pass(60 * MINUTE, use);
    expect(stopped).toEqual([]);
    expect(row()?.stopsAt).toBeNull();
  });

  it("is not stopped while somebody reads its events, and is after", async () => {
    const leave = idle.watch(t.sessionId);
    const leaveToo = idle.watch(t.sessionId);
    await pass(30 * MINUTE);
    leave();
    await pass(30 * MINUTE);
    expect(stopped).toEqual([]);
    leaveToo();
    await pass(17 * MINUTE);
    expect(stopped).toHaveLength(1);
  });

  it.each(["queued", "running"] as const)("is not stopped while a prompt is %s", async (state) => {
    addPrompt(state);
    await pass(30 * MINUTE);
    expect(stopped).toEqual([]);
  });

  it.each(["runs", "away", "untold"] as const)(
    "is not stopped while its terminal's program %s",
    async (what) => {
      program = what;
      await pass(40 * MINUTE);
      expect(stopped).toEqual([]);
      program = "none";
      await pass(16 * MINUTE);
      expect(stopped).toHaveLength(1);
    },
  );

  it("goes on, without a word, when somebody comes after the warning", async () => {
    await pass(14.5 * MINUTE);
    idle.seen(t.sessionId);
    expect(row()?.stopsAt).toBeNull();
    await pass(14 * MINUTE);
    expect(stopped).toEqual([]);
  });

  it("goes on when somebody comes between the last look and the stop", async () => {
    idle = createIdleStop({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      minutes: () => limit,
      clientOf: () => ({ listTerminals: async () => [] }),
      async stop(id, _, isStillIdle) {
        idle.seen(id);
        stopped.push(String(isStillIdle()));
      },
    });
    await pass(15.1 * MINUTE);
    expect(stopped).toEqual(["false"]);
  });

  it("is not stopped by a clock that is set, forward or back", async () => {
    await pass(5 * MINUTE);
    t.clock.shift(25 * 60 * MINUTE);
    await pass(5 * MINUTE);
    t.clock.shift(-50 * 60 * MINUTE);
    await pass(4 * MINUTE);
    expect(stopped).toEqual([]);
    await pass(1.1 * MINUTE);
    expect(stopped).toHaveLength(1);
  });

  it("has a limit of its own before the installation's, and 0 is never", async () => {
    change({ idleStopMinutes: 0 });
    await pass(60 * MINUTE);
    expect(stopped).toEqual([]);
    change({ idleStopMinutes: 2 });
    await pass(MINUTE);
    // So long as it was quiet: but nobody is stopped without a warning.
    expect(stopped).toEqual([]);
    expect(row()?.stopsAt).not.toBeNull();
    await pass(0.2 * MINUTE);
    expect(stopped).toEqual([expect.stringContaining("for 2 minutes")]);
  });

  it("loses its warning when the limit is raised", async () => {
    await pass(14.5 * MINUTE);
    limit = 60;
    await pass(SESSION_LIMITS.idleCheckMs);
    expect(row()?.stopsAt).toBeNull();
    expect(stopped).toEqual([]);
  });

  it("begins anew with a server that begins anew, and an old warning goes", async () => {
    await pass(14.5 * MINUTE);
    idle = make();
    await pass(SESSION_LIMITS.idleCheckMs);
    expect(row()?.stopsAt).toBeNull();
    await pass(14 * MINUTE);
    expect(stopped).toEqual([]);
  });
});
