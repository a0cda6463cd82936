import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { InstanceState } from "../../drivers/driver";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEndings, type Endings } from "./endings";
import { createKeyedMutex } from "./keyed-mutex";
import { SESSION_LIMITS } from "./limits";

const exited = (exitCode: number, outOfMemory = false): InstanceState => ({
  kind: "exited",
  exitCode,
  outOfMemory,
  finishedAt: "2026-11-01T00:00:00.000Z",
});

describe("a container that ends by itself", () => {
  let t: TestDatabase;
  let endings: Endings;
  let state: InstanceState;
  let acts: string[];
  const instanceId = "ins_1";
  const tell = (kind: "died" | "oom" | "killed", of = instanceId) =>
    endings.onInstanceEvent({ instanceId: of, sessionId: t.sessionId, kind });

  beforeEach(() => {
    t = testDatabase();
    t.db.update(sessions).set({ instanceId, status: "active" }).where(eq(sessions.id, t.sessionId)).run();
    acts = [];
    state = exited(1);
    endings = createEndings(
      {
        ...t,
        logger: pino({ level: "silent" }),
        driver: { inspect: async () => state },
        mutex: createKeyedMutex(),
      },
      {
        end: async (_, { status, reason }) => void acts.push(`${status}: ${reason.code}: ${reason.message}`),
        startAgain: async (_, { code, detail }) => void acts.push(`${code}: ${detail}`),
      },
    );
  });
  afterEach(() => t[Symbol.dispose]());

  it.each([1, 137])("is replaced, whatever its code (%i)", async (code) => {
    state = exited(code);
    await tell("died");
    expect(acts).toEqual([`container_restarted: exit code ${code}`]);
  });

  it("is not replaced twice in a row, and is again after a while", async () => {
    await tell("died");
    t.clock.advance(SESSION_LIMITS.restartAgainMs / 2);
    await tell("died");
    t.clock.advance(SESSION_LIMITS.restartAgainMs);
    await tell("died");
    expect(acts.map((act) => act.split(":")[0])).toEqual([
      "container_restarted",
      "error",
      "container_restarted",
    ]);
  });

  it("is not replaced when somebody killed it, which the reason says", async () => {
    state = exited(137);
    await tell("killed");
    expect(acts).toEqual([]);
    await tell("died");
    expect(acts).toEqual([expect.stringContaining("container_died: The session's container was killed")]);
  });

  it.each([0, 143, 255])(
    "is not replaced when it was stopped, as with its engine (code %i)",
    async (code) => {
      state = exited(code);
      await tell("died");
      expect(acts).toEqual([expect.stringContaining("stopped: container_stopped")]);
    },
  );

  it("is replaced when it survived the signal, and ended long after", async () => {
    await tell("killed");
    t.clock.advance(SESSION_LIMITS.killedByHandMs * 2);
    await tell("died");
    expect(acts).toEqual([expect.stringContaining("container_restarted")]);
  });

  it("is not replaced when it used up its memory: it would again", async () => {
    state = exited(137, true);
    await tell("died");
    expect(acts).toEqual([expect.stringContaining("out_of_memory")]);
  });

  it("is not replaced when somebody removed it", async () => {
    state = { kind: "gone" };
    await tell("died");
    expect(acts).toEqual([expect.stringContaining("container_gone")]);
  });

  it("is nothing to a session that has another one, does not run, or whose container runs", async () => {
    await tell("died", "ins_0");
    state = { kind: "running", startedAt: "2026-11-01T00:00:00.000Z" };
    await tell("oom");
    state = exited(1);
    t.db.update(sessions).set({ status: "stopped" }).where(eq(sessions.id, t.sessionId)).run();
    await tell("died");
    expect(acts).toEqual([]);
  });
});
