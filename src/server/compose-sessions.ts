import type { ProviderCredential } from "../../sidecar/src/protocol";
import type { Driver } from "../drivers/driver";
import type { Clock } from "./clock";
import type { StorageServices } from "./compose-storage";
import type { Database } from "./db/database";
import type { EgressGate } from "./egress/egress-gate";
import { createEventLog } from "./events/event-log";
import type { Meters } from "./health/meters";
import type { SecretBox } from "./keys/secret-box";
import type { Logger } from "./log";
import type { Models } from "./models/models";
import { createRequests, type Requests } from "./requests/requests";
import { createAdmission } from "./sessions/admission";
import { createConnections } from "./sessions/connections";
import { createCredentialPush, type CredentialPush } from "./sessions/credential-push";
import { createIdleStop } from "./sessions/idle-stop";
import { createKeyedMutex } from "./sessions/keyed-mutex";
import { createLifecycle } from "./sessions/lifecycle";
import { SESSION_LIMITS } from "./sessions/limits";
import { createPromptQueue } from "./sessions/prompt-queue";
import { createPrompts, type Prompts } from "./sessions/prompts";
import { createProvisioner } from "./sessions/provisioner";
import { createRegistrar } from "./sessions/registration";
import { findSession } from "./sessions/session-store";
import { createSessions, type Sessions } from "./sessions/sessions";
import { createTimelines } from "./sessions/timelines";
import type { Settings } from "./settings";
import { createSnapshotFiles } from "./snapshots/snapshot-files";
import { createSnapshots, type Snapshots } from "./snapshots/snapshots";
import { createTerminals, type Terminals } from "./terminal/terminals";
import type { Tickets } from "./terminal/tickets";

export interface SessionServices {
  sessions: Sessions;
  prompts: Prompts;
  requests: Requests;
  terminals: Terminals;
  snapshots: Snapshots;
  /** Tells running sessions of changed keys. */
  credentials: CredentialPush;
  /** Whether the session's events come in. */
  isStreaming(sessionId: string): boolean;
  /** Starts watching the engine and bringing rows and containers into one truth. */
  start(): void;
  /** Ends streams and timers; containers go on. */
  stop(): Promise<void>;
}

/** How often deadlines of requests are looked at. */
const EXPIRY_CHECK_MS = 5_000;
/** After an engine that went away while sessions and containers were compared. */
const RECONCILE_RETRY_MS = 2_000;

interface Deps {
  db: Database;
  clock: Clock;
  logger: Logger;
  driver: Driver;
  egress: EgressGate;
  box: SecretBox;
  models: Pick<Models, "resolve">;
  tickets: Tickets;
  meters: Meters;
  dataDir: string;
  /** Full reference of the session image. */
  image: string;
  /** Sessions that may run at a time. */
  maxSessions: number;
  settings: Pick<Settings, "get">;
  storage: Pick<StorageServices, "disk" | "collector">;
  credentialsFor(userId: string): ProviderCredential[];
  /** Told after each transaction of the log. */
  onCommit(): void;
}

/** A database that takes no writes for a while, such as on a full disk, must not end the server: it is tried again. */
function expired(requests: Requests, logger: Logger): string[] {
  try {
    return requests.expire();
  } catch (err) {
    logger.error({ err }, "deadlines of requests could not be kept; they are in a moment");
    return [];
  }
}

/** Everything about sessions, wired; the parts know each other only through their arguments. */
export function composeSessions(deps: Deps): SessionServices {
  const { db, clock, logger, driver } = deps;
  const log = createEventLog({ db, clock, onCommit: deps.onCommit });
  const mutex = createKeyedMutex();
  const stopping = new AbortController();
  const connectionOf = (sessionId: string) => connections.get(sessionId);
  const halting = new Set<string>();
  const clientOf = (sessionId: string) => {
    if (halting.has(sessionId)) return null;
    const status = findSession(db, sessionId)?.status;
    return status === "idle" || status === "active" ? (connections.get(sessionId)?.client ?? null) : null;
  };
  const report = (sessionId: string, err: unknown) => logger.error({ sessionId, err }, "session work failed");

  const requests = createRequests({ db, log, clock, logger, clientOf });
  const queue = createPromptQueue({ db, log, clock, logger, mutex, clientOf, connectionOf });
  const connections = createConnections({
    db,
    log,
    logger,
    driver,
    egress: deps.egress,
    onEvent(tx, sessionId, body) {
      queue.onEvent(tx, sessionId, body);
      requests.onEvent(tx, sessionId, body);
    },
    onTaken: (count, oldestAt) => deps.meters.eventsTaken(count, oldestAt),
    onProgress(sessionId) {
      queue.dispatch(sessionId).catch((error: unknown) => report(sessionId, error));
      requests.deliver(sessionId).catch((error: unknown) => report(sessionId, error));
      credentials.deliver(sessionId).catch((error: unknown) => report(sessionId, error));
    },
    onCaughtUp: (sessionId) => queue.onCaughtUp(sessionId),
    onForged: (sessionId, error) => lifecycle.onForged(sessionId, error),
  });
  const registrar = createRegistrar({ db, log, clock, box: deps.box });
  const { credentialsFor } = deps;
  const credentials = createCredentialPush({ db, logger, connections, registrar, mutex, credentialsFor });
  const provisioner = createProvisioner({
    db,
    log,
    logger,
    driver,
    connections,
    registrar,
    image: deps.image,
    credentialsFor,
    meters: deps.meters,
  });
  const admission = createAdmission({
    db,
    log,
    logger,
    provisioner,
    maxSessions: deps.maxSessions,
    ping: () => driver.ping(),
    onStarted: (sessionId) => queue.dispatch(sessionId),
    signal: stopping.signal,
  });
  const requireDisk = () => deps.storage.disk.requireRoom();
  const files = createSnapshotFiles(deps.dataDir);
  const lifecycle = createLifecycle({
    db,
    log,
    clock,
    logger,
    driver,
    connections,
    admission,
    registrar,
    queue,
    mutex,
    halting,
    requireDisk,
    snapshots: {
      requireUnused: (sessionId) => snapshots.requireUnused(sessionId),
      removeAll: (sessionId) => files.removeOfSession(sessionId),
    },
    onAdopt: (sessionId) => credentials.mayBeOld(sessionId),
  });
  const { dataDir } = deps;
  const snapshots = createSnapshots({
    ...{ db, log, clock, logger, driver, dataDir, files, lifecycle, mutex, requireDisk },
  });
  const idle = createIdleStop({
    db,
    log,
    clock,
    logger,
    minutes: () => deps.settings.get().idleStopMinutes,
    clientOf,
    stop: (sessionId, reason, isStillIdle) => lifecycle.stopIdle(sessionId, reason, isStillIdle),
  });
  const timelines = createTimelines(log);
  const terminals = createTerminals({ db, clock, tickets: deps.tickets, connectionOf });
  let expiry: NodeJS.Timeout | undefined;
  let idleChecks: NodeJS.Timeout | undefined;
  let retry: NodeJS.Timeout | undefined;

  return {
    sessions: createSessions({
      db,
      log,
      clock,
      lifecycle,
      timelines,
      models: deps.models,
      idle,
      recheckAccess: (sessionId) => terminals.recheckAccess(sessionId),
    }),
    prompts: createPrompts({ db, log, clock, queue, models: deps.models, onDispatchError: report }),
    requests,
    terminals,
    snapshots,
    credentials,
    isStreaming: (sessionId) => connections.isStreaming(sessionId),
    start() {
      const reconcile = () => {
        clearTimeout(retry);
        lifecycle.reconcile().then(
          () => {
            snapshots.takeUp();
            return deps.storage.collector.run();
          },
          (err: unknown) => {
            logger.error({ err }, "sessions and engine could not be compared; they are in a moment");
            if (!stopping.signal.aborted) retry = setTimeout(reconcile, RECONCILE_RETRY_MS);
          },
        );
      };
      driver.watch(
        {
          onEvent: (event) =>
            void lifecycle.onInstanceEvent(event).catch((err: unknown) => report(event.sessionId, err)),
          onResync: reconcile,
          onError(err) {
            logger.warn({ err }, "engine events broke off");
            admission.hold();
          },
        },
        stopping.signal,
      );
      expiry = setInterval(() => {
        for (const sessionId of expired(requests, logger))
          requests.deliver(sessionId).catch((error: unknown) => report(sessionId, error));
      }, EXPIRY_CHECK_MS);
      snapshots.start();
      idleChecks = setInterval(() => void idle.check(), SESSION_LIMITS.idleCheckMs);
    },
    async stop() {
      stopping.abort();
      clearInterval(expiry);
      clearInterval(idleChecks);
      clearTimeout(retry);
      await snapshots.stop();
      await idle.settled();
      await deps.storage.collector.stop();
      await lifecycle.close();
      await connections.closeAll();
    },
  };
}
