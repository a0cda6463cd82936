import { eq } from "drizzle-orm";
import { sessions } from "../db/schema";
import type { LogTransaction } from "../events/event-log";
import type { Meters } from "../health/meters";
import { createStartTimes, type StartTimes } from "../health/start-times";
import type { Logger } from "../log";
import { isEngineAway, provisioningFailure } from "./decisions";
import { imagesToTry, isImagesFault, rolledBack } from "./image-decisions";
import { startInstance, type StartDeps } from "./instance-start";
import { SESSION_LIMITS } from "./limits";
import { pause } from "./pause";
import { getSession, setStatus, type StatusChange } from "./session-store";

export interface Provisioner {
  /**
   * Takes a session in status `creating` to `idle`, step by step, each step an event: on the image in force, or where that
   * is at fault on the one before; on failure to `error` with the reason, and no container is left. Never throws.
   * Aborted, or `engine away`: the container is removed or stays on the books, the status is left to the caller.
   */
  provision(start: ProvisionedStart, signal: AbortSignal): Promise<"ended" | "engine away">;
}

export interface ProvisionedStart {
  sessionId: string;
  /** When it was wished for, by `performance.now`. */
  since: number;
  /** Where the engine does not answer it is no failure: the session waits for it. */
  waitsForEngine: boolean;
}

interface Deps extends StartDeps {
  logger: Logger;
  /** Full reference of the session image in force. */
  image: string;
  meters: Pick<Meters, "startStep" | "startEnded">;
}

export function createProvisioner(deps: Deps): Provisioner {
  return {
    async provision({ sessionId, since, waitsForEngine }, signal) {
      const times = createStartTimes(deps.meters, () => performance.now(), since);
      try {
        await startSession(deps, { sessionId, times }, signal);
        times.ended("ready");
      } catch (error) {
        const waits = waitsForEngine && isEngineAway(error);
        if (!signal.aborted && !waits) {
          times.ended("failed");
          deps.logger.error({ sessionId, err: error }, "session could not be started");
        }
        await discardInstance(deps, sessionId).catch((err: unknown) => {
          deps.logger.error(
            { sessionId, err },
            "its container could not be taken off the books; it is later",
          );
        });
        if (waits) return "engine away";
        const failed: StatusChange = {
          status: "error",
          reason: provisioningFailure(error),
          agentState: "asleep",
        };
        await untilWritten(deps, signal, () =>
          deps.log.transaction((tx) => setStatus(tx, sessionId, failed)),
        );
      }
      return "ended";
    },
  };
}

/** What has happened must be written down some time, also where nothing can be written now, as on a full disk. */
export async function untilWritten(
  deps: Pick<Deps, "logger">,
  signal: AbortSignal,
  write: () => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      write();
      return;
    } catch (err) {
      deps.logger.error({ err }, "what became of a session could not be written down; it is tried again");
      await pause(SESSION_LIMITS.writeRetryMs, signal);
    }
  }
}

/** Starts the session on the first of its images that does; see {@link imagesToTry}. */
async function startSession(
  deps: Deps,
  { sessionId, times }: { sessionId: string; times: StartTimes },
  signal: AbortSignal,
): Promise<void> {
  const images = await imagesOf(deps, sessionId);
  let failure: unknown = null;
  for (const image of images) {
    try {
      const contract = await startInstance(deps, { sessionId, image, signal, times });
      deps.log.transaction((tx) =>
        becomeReady(tx, sessionId, { image, contract, inForce: deps.image, failure }),
      );
      return;
    } catch (error) {
      if (signal.aborted || !isImagesFault(error) || image === images.at(-1)) throw error;
      failure = error;
      deps.logger.warn(
        { sessionId, image, err: error },
        "session did not start on this image; another is tried",
      );
      await discardInstance(deps, sessionId);
    }
  }
}

async function imagesOf({ db, driver, image }: Deps, sessionId: string): Promise<string[]> {
  const { readyImage, readyContract, failedImage } = getSession(db, sessionId);
  if (readyImage === null || readyImage === image) return [image];
  const isOnEngine = await driver.hasImage(readyImage);
  const ready = { image: readyImage, contract: readyContract, isOnEngine };
  return imagesToTry(image, { ready, failed: failedImage });
}

/** @param start.failure of a start on another image just before; null when there was none */
function becomeReady(
  tx: LogTransaction,
  sessionId: string,
  start: { image: string; contract: number; inForce: string; failure: unknown },
): void {
  const { image, contract, inForce, failure } = start;
  const failedImage = image === inForce ? null : inForce;
  tx.store
    .update(sessions)
    .set({ readyImage: image, readyContract: contract, failedImage })
    .where(eq(sessions.id, sessionId))
    .run();
  if (failedImage !== null && failure !== null) {
    const data = rolledBack({ inForce, ready: image }, provisioningFailure(failure));
    tx.append(sessionId, { type: "error", data });
  }
  setStatus(tx, sessionId, { status: "idle", agentState: "awake" });
}

/**
 * Removes the session's container, whatever state it is in. Where the engine refuses, the row goes on naming it, so that
 * it is removed before the next one starts, or when the engine is back.
 */
export async function discardInstance(
  deps: Pick<Deps, "db" | "driver" | "connections" | "logger">,
  sessionId: string,
  graceMs = 0,
): Promise<void> {
  const { db } = deps;
  const row = db
    .select({ instanceId: sessions.instanceId })
    .from(sessions)
    .where(eq(sessions.id, sessionId))
    .get();
  let instanceId = row?.instanceId ?? null;
  if (instanceId) {
    try {
      await deps.driver.remove(instanceId, graceMs);
      instanceId = null;
    } catch (error) {
      deps.logger.warn({ sessionId, err: error }, "container not removed");
    }
  }
  await deps.connections.close(sessionId);
  db.update(sessions).set({ instanceId, instanceSecrets: null }).where(eq(sessions.id, sessionId)).run();
}
