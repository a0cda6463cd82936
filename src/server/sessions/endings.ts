/** What becomes of a session whose container ended, or must end, and nobody here asked for it. */
import { eq, sql } from "drizzle-orm";
import type { Failure } from "../../../sidecar/src/contract";
import type { Driver, InstanceEvent } from "../../drivers/driver";
import type { Clock } from "../clock";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import type { IngestError } from "../events/ingest";
import type { Logger } from "../log";
import { instanceEndReason, startedAgain, startsAgain } from "./decisions";
import type { KeyedMutex } from "./keyed-mutex";
import { findSession } from "./session-store";

export interface Endings {
  /** A container that ends by itself is replaced, once in a while; else the session fails with the reason. */
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
  fail(sessionId: string, reason: Failure): Promise<void>;
  startAgain(sessionId: string, why: Failure): Promise<void>;
}

export function createEndings(deps: Deps, acts: Acts): Endings {
  const { db, clock, logger, mutex } = deps;
  /** Instances that somebody sent a signal through the engine, such as with `docker kill`. */
  const killedByHand = new Set<string>();
  /** When sessions got a new container by themselves, of the clock that only goes forward. */
  const startedAgainAt = new Map<string, number>();

  const onEnd = async ({ instanceId, sessionId }: InstanceEvent) => {
    const row = findSession(db, sessionId);
    if (row?.instanceId !== instanceId || (row.status !== "active" && row.status !== "idle")) return;
    const state = await deps.driver.inspect(instanceId);
    if (state.kind === "running") return;
    const last = startedAgainAt.get(sessionId);
    const sinceLastMs = last === undefined ? null : clock.monotonicNow() - last;
    const isKilledByHand = killedByHand.has(instanceId);
    if (!startsAgain(state, { isKilledByHand, sinceLastMs })) {
      await acts.fail(sessionId, instanceEndReason(state, isKilledByHand));
      return;
    }
    logger.warn({ sessionId, instanceId, state }, "a container ended by itself; a new one is started");
    startedAgainAt.set(sessionId, clock.monotonicNow());
    await acts.startAgain(sessionId, startedAgain(state));
  };

  return {
    async onInstanceEvent(event) {
      if (event.kind === "killed") {
        killedByHand.add(event.instanceId);
        return;
      }
      await mutex.run(`life:${event.sessionId}`, () => onEnd(event));
      if (event.kind === "died") killedByHand.delete(event.instanceId);
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
          await acts.fail(sessionId, reason);
          passOverSpool(db, sessionId);
        })
        .catch((err: unknown) => logger.error({ sessionId, err }, "could not end it"));
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
