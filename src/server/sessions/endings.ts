/** What becomes of a session whose container ended, or must end, and nobody here asked for it. */
import { eq, sql } from "drizzle-orm";
import type { Failure } from "../../../sidecar/src/contract";
import type { Driver, InstanceEvent } from "../../drivers/driver";
import type { Clock } from "../clock";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import type { IngestError } from "../events/ingest";
import type { Logger } from "../log";
import { sessionEnd, type SessionEnd, startedAgain, startsAgain } from "./decisions";
import type { KeyedMutex } from "./keyed-mutex";
import { SESSION_LIMITS } from "./limits";
import { findSession } from "./session-store";

export interface Endings {
  /** A container that ends by itself is replaced, once in a while; else the session ends with the reason. */
  onInstanceEvent(event: InstanceEvent): Promise<void>;
  /** A sidecar that broke the rules of the stream: its container ends, the session says why. */
  onForged(sessionId: string, error: IngestError): void;
}

interface Deps {
  db: Database;
  clock: Clock;
  logger: Logger;
  driver: Pick<Driver, "inspect">;
  mutex: KeyedMutex;
}

/** What a session's life does about it; both under the session's mutex. */
interface Acts {
  end(sessionId: string, end: SessionEnd): Promise<void>;
  startAgain(sessionId: string, why: Failure): Promise<void>;
}

export function createEndings(deps: Deps, acts: Acts): Endings {
  const { db, clock, logger, mutex } = deps;
  /** When somebody sent an instance a signal through the engine, such as with `docker kill`. */
  const killedAt = createMoments(clock, SESSION_LIMITS.killedByHandMs);
  /** When sessions got a new container by themselves. */
  const startedAgainAt = createMoments(clock, SESSION_LIMITS.restartAgainMs);

  const onEnd = async ({ instanceId, sessionId }: InstanceEvent) => {
    const row = findSession(db, sessionId);
    if (row?.instanceId !== instanceId || (row.status !== "active" && row.status !== "idle")) return;
    const state = await deps.driver.inspect(instanceId);
    if (state.kind === "running") return;
    const isKilledByHand = killedAt.isRecent(instanceId);
    const wasStartedAgain = startedAgainAt.isRecent(sessionId);
    if (!startsAgain(state, { isKilledByHand, wasStartedAgain })) {
      await acts.end(sessionId, sessionEnd(state, isKilledByHand));
      return;
    }
    logger.warn({ sessionId, instanceId, state }, "a container ended by itself; a new one is started");
    startedAgainAt.note(sessionId);
    await acts.startAgain(sessionId, startedAgain(state));
  };

  return {
    async onInstanceEvent(event) {
      if (event.kind === "killed") killedAt.note(event.instanceId);
      else await mutex.run(`life:${event.sessionId}`, () => onEnd(event));
    },
    onForged(sessionId, error) {
      logger.error({ sessionId, err: error }, "sidecar sent what it must not");
      const reason = {
        code: "forged_events",
        message:
          "The session's container sent events that break the rules, so it was ended. Resume to start a new one; files and chat are kept, but for the last events.",
        detail: error.message,
      };
      void mutex
        .run(`life:${sessionId}`, async () => {
          await acts.end(sessionId, { status: "error", reason });
          passOverSpool(db, sessionId);
        })
        .catch((err: unknown) => logger.error({ sessionId, err }, "could not end it"));
    },
  };
}

/** When things happened, for as long as it matters; of the clock that only goes forward. */
function createMoments(clock: Clock, lastsMs: number) {
  const atMs = new Map<string, number>();
  const isRecent = (id: string) => clock.monotonicNow() - (atMs.get(id) ?? -Infinity) <= lastsMs;
  return {
    isRecent,
    note(id: string) {
      for (const other of atMs.keys()) if (!isRecent(other)) atMs.delete(other);
      atMs.set(id, clock.monotonicNow());
    },
  };
}

/** The next container begins with its own events: what broke the rules lies in the spool and would come again. */
function passOverSpool(db: Database, sessionId: string): void {
  db.update(sessions)
    .set({ heldEpoch: sql`${sessions.epoch} + 1`, heldN: 0 })
    .where(eq(sessions.id, sessionId))
    .run();
}
