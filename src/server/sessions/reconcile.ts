/** Rows and engine into one truth: at boot, and whenever engine events may have been missed. */
import type { Driver } from "../../drivers/driver";
import type { Database } from "../db/database";
import type { Logger } from "../log";
import type { Connections } from "./connections";
import {
  isEngineAway,
  LIVE_STATUSES,
  provisioningFailure,
  reconcileDecision,
  type SessionEnd,
} from "./decisions";
import { createSemaphore, type KeyedMutex } from "./keyed-mutex";
import { SESSION_LIMITS } from "./limits";
import { discardInstance } from "./provisioner";
import type { Registrar } from "./registration";
import { findSession, sessionsInStatus } from "./session-store";

interface Deps {
  db: Database;
  logger: Logger;
  driver: Driver;
  connections: Connections;
  registrar: Pick<Registrar, "secretsOf">;
  mutex: KeyedMutex;
}

/** What a session's life does about it. */
interface Acts {
  /** One whose start was cut off. Under the session's mutex. */
  startAnew(sessionId: string): void;
  isStarting(sessionId: string): boolean;
  /** A container that ran while no server was there is about to be talked to again. */
  onAdopt(sessionId: string): void;
  /** Under the session's mutex. */
  end(sessionId: string, end: SessionEnd): Promise<void>;
}

/** @returns the act; it throws DriverError when the engine went away under it: call it again. What could be done is done. */
export function createReconciliation(deps: Deps, acts: Acts): () => Promise<void> {
  const { db, driver, logger, mutex } = deps;
  const slot = createSemaphore(SESSION_LIMITS.concurrentReconciles);

  /** Looks at row and container as they are now, under the session's mutex. */
  const reconcileOne = async (sessionId: string): Promise<void> => {
    const row = findSession(db, sessionId);
    if (!row || row.queuePlace !== null || acts.isStarting(sessionId)) return;
    const instance = row.instanceId ? await driver.inspect(row.instanceId) : { kind: "gone" as const };
    const secrets = deps.registrar.secretsOf(row);
    const decision = reconcileDecision({ status: row.status, contract: secrets?.contract ?? null }, instance);
    switch (decision.kind) {
      case "nothing":
        return;
      case "adopt":
        if (row.instanceId && secrets && !deps.connections.get(sessionId)) {
          const endpoint = await deps.connections.openEgress(sessionId, row.instanceId);
          acts.onAdopt(sessionId);
          deps.connections.open({ sessionId, instanceId: row.instanceId, endpoint, secrets });
        }
        return;
      case "provision":
        await discardInstance(deps, sessionId);
        acts.startAnew(sessionId);
        return;
      case "end":
        await acts.end(sessionId, decision);
    }
  };

  const takeUp = async (sessionId: string): Promise<void> => {
    try {
      await mutex.run(`life:${sessionId}`, () => reconcileOne(sessionId));
    } catch (err) {
      // An engine that does not answer says nothing about the container, which may run well.
      if (isEngineAway(err)) throw err;
      // One session's trouble is not the others'.
      logger.error({ sessionId, err }, "session could not be taken up again");
      const reason = provisioningFailure(err);
      await mutex.run(`life:${sessionId}`, () => acts.end(sessionId, { status: "error", reason }));
    }
  };

  return async () => {
    const live = sessionsInStatus(db, LIVE_STATUSES);
    const outcomes = await Promise.allSettled(live.map(({ id }) => slot(() => takeUp(id))));
    const undone = outcomes.find((outcome) => outcome.status === "rejected");
    if (undone) throw undone.reason;
  };
}
