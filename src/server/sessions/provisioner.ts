import { eq } from "drizzle-orm";
import type { ProvisioningStep } from "../../../sidecar/src/contract";
import type { AgentSettings, ProviderCredential } from "../../../sidecar/src/protocol";
import { type Driver, DriverError, type InstanceEndpoint } from "../../drivers/driver";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import { AppError } from "../errors";
import type { EventLog } from "../events/event-log";
import type { Meters } from "../health/meters";
import { createStartTimes, type StartTimes } from "../health/start-times";
import { newId } from "../ids";
import type { Logger } from "../log";
import { createSidecarClient, type SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError } from "../sidecar-client/sidecar-error";
import type { Connections } from "./connections";
import { provisioningFailure } from "./decisions";
import { INSTANCE_LIMITS, SESSION_LIMITS } from "./limits";
import { pause } from "./pause";
import type { Registrar } from "./registration";
import { getSession, type SessionRow, setStatus, type StatusChange } from "./session-store";

export interface Provisioner {
  /**
   * Takes a session in status `creating` to `idle`, step by step, each step an event; on failure to `error` with the
   * reason, and no container is left. Never throws. Aborted: the container is removed, the status left to the caller.
   */
  provision(sessionId: string, signal: AbortSignal): Promise<void>;
}

interface Deps {
  db: Database;
  log: EventLog;
  logger: Logger;
  driver: Driver;
  connections: Connections;
  registrar: Registrar;
  /** Full reference of the session image. */
  image: string;
  credentialsFor(userId: string): ProviderCredential[];
  meters: Pick<Meters, "startStep" | "startEnded">;
  startSlot: <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;
}

export function createProvisioner(deps: Deps): Provisioner {
  return {
    async provision(sessionId, signal) {
      const times = createStartTimes(deps.meters, () => performance.now());
      try {
        await deps.startSlot(() => startInstance(deps, { sessionId, times }, signal), signal);
        times.ended("ready");
      } catch (error) {
        if (!signal.aborted) {
          times.ended("failed");
          deps.logger.error({ sessionId, err: error }, "session could not be started");
        }
        await discardInstance(deps, sessionId).catch((err: unknown) => {
          deps.logger.error(
            { sessionId, err },
            "its container could not be taken off the books; it is later",
          );
        });
        const failed: StatusChange = {
          status: "error",
          reason: provisioningFailure(error),
          agentState: "asleep",
        };
        await untilWritten(deps, signal, () =>
          deps.log.transaction((tx) => setStatus(tx, sessionId, failed)),
        );
      }
    },
  };
}

/** A session that failed because nothing can be written, on a full disk, must not be `creating` for ever. */
async function untilWritten(deps: Deps, signal: AbortSignal, write: () => void): Promise<void> {
  while (!signal.aborted) {
    try {
      write();
      return;
    } catch (err) {
      deps.logger.error({ err }, "a session's failure could not be written down; it is tried again");
      await pause(SESSION_LIMITS.writeRetryMs, signal);
    }
  }
}

async function startInstance(
  deps: Deps,
  { sessionId, times }: { sessionId: string; times: StartTimes },
  signal: AbortSignal,
): Promise<void> {
  const { driver, db } = deps;
  const step = (name: ProvisioningStep) => {
    signal.throwIfAborted();
    times.step(name);
    deps.log.transaction((tx) =>
      setStatus(tx, sessionId, { status: "creating", step: name, agentState: "waking" }),
    );
  };

  step("image");
  if (!(await driver.hasImage(deps.image))) throw imageMissing(deps.image);
  step("volume");
  // Two containers on one session's volumes would write over each other: one that could not be removed earlier goes now.
  const leftOver = getSession(db, sessionId).instanceId;
  if (leftOver) await driver.remove(leftOver, 0);
  await driver.ensureVolumes(sessionId);

  step("container");
  const instanceId = newId("ins");
  db.update(sessions)
    .set({ instanceId, instanceSecrets: null, image: deps.image })
    .where(eq(sessions.id, sessionId))
    .run();
  const endpoint = await deps.connections.openEgress(sessionId, instanceId);
  const token = deps.registrar.issue(sessionId, instanceId);
  const bootLine = JSON.stringify({ token, sessionId, instanceId });
  await driver.start({ instanceId, sessionId, image: deps.image, limits: INSTANCE_LIMITS }, bootLine);

  step("sidecar");
  const secrets = await withClient(endpoint, null, async (client) => {
    await until(
      deps,
      { sessionId, instanceId, signal, limitMs: SESSION_LIMITS.sidecarUpMs, what: "sidecar" },
      async () => {
        await client.health();
        return true;
      },
    );
    await driver.lockEndpoint(instanceId);
    step("keys");
    const row = getSession(db, sessionId);
    return deps.registrar.register({
      sessionId,
      instanceId,
      token,
      client,
      providers: deps.credentialsFor(row.ownerId),
      settings: settingsOf(row),
    });
  });

  step("agent");
  const { client } = deps.connections.open({ sessionId, instanceId, endpoint, secrets });
  await until(
    deps,
    { sessionId, instanceId, signal, limitMs: SESSION_LIMITS.agentReadyMs, what: "agent" },
    async () => {
      const health = await client.health();
      if (health.agent === "failed") throw agentFailed(health.reason?.message ?? "", health.reason?.detail);
      return health.agent === "ready";
    },
  );
  signal.throwIfAborted();
  deps.log.transaction((tx) => setStatus(tx, sessionId, { status: "idle", agentState: "awake" }));
}

export function settingsOf(row: SessionRow): AgentSettings {
  return { model: row.model, agent: row.agent, permissionMode: row.permissionMode, title: row.title };
}

async function withClient<T>(
  endpoint: InstanceEndpoint,
  bearer: string | null,
  work: (client: SidecarClient) => Promise<T>,
): Promise<T> {
  const client = createSidecarClient({ socketPath: endpoint.sidecarSocket, bearer });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

interface WaitOptions {
  sessionId: string;
  instanceId: string;
  signal: AbortSignal;
  limitMs: number;
  what: "sidecar" | "agent";
}

/** Asks again until true; a container that ends meanwhile ends the wait, with its last words as detail. */
async function until(deps: Deps, opts: WaitOptions, check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + opts.limitMs;
  let checkContainerAt = performance.now() + 1_000;
  while (performance.now() < deadline) {
    opts.signal.throwIfAborted();
    try {
      if (await check()) return;
    } catch (error) {
      if (!(error instanceof SidecarError) || error.code !== "unreachable") throw error;
      if (performance.now() > checkContainerAt) {
        checkContainerAt = performance.now() + 1_000;
        const state = await deps.driver.inspect(opts.instanceId);
        if (state.kind !== "running")
          throw await startFailure(deps, opts, "The session's container ended while it started.");
      }
    }
    await pause(SESSION_LIMITS.pollMs, opts.signal);
  }
  throw await startFailure(
    deps,
    opts,
    `The session's ${opts.what} did not answer within ${opts.limitMs / 1000} s.`,
  );
}

async function startFailure(deps: Deps, opts: WaitOptions, sentence: string): Promise<AppError> {
  const detail = await deps.driver.tail(opts.instanceId, 20).catch((error: unknown) => String(error));
  return new AppError(
    "INTERNAL_SERVER_ERROR",
    "sidecar_unreachable",
    `${sentence} Resume to try again; files and chat are kept.`,
    { detail },
  );
}

function agentFailed(message: string, detail?: string): AppError {
  return new AppError(
    "INTERNAL_SERVER_ERROR",
    "sidecar_unreachable",
    message || "The agent could not be started. Resume to try again.",
    {
      ...(detail ? { detail } : {}),
    },
  );
}

function imageMissing(image: string): DriverError {
  return new DriverError(
    "image_missing",
    'The session image is not on this engine. Run "npm run up" once more, which builds it, then resume the session.',
    image,
  );
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
