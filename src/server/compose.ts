/** The only place that builds things: clients, stores, services, the HTTP server. */
import { chmodSync, mkdirSync } from "node:fs";
import { provideServer } from "./accessor";
import { loadAuthSettings, type AuthSettings } from "./auth/auth-settings";
import { systemClock } from "./clock";
import { composeAccounts } from "./compose-accounts";
import { composeBackups, type BackupServices } from "./compose-backups";
import { composeEngine, type Engine } from "./compose-engine";
import { composeMeasuring, type Measuring } from "./compose-health";
import { composeKeys } from "./compose-keys";
import { composeMirror, type MirrorServices } from "./compose-mirror";
import { composeSessions, type SessionServices } from "./compose-sessions";
import { composeStorage } from "./compose-storage";
import { openDatabase, type Database } from "./db/database";
import { setLibraryEnvironment, type Environment } from "./env";
import { databaseCheck } from "./health/database-check";
import { watchedDriver } from "./health/watched-driver";
import { createDispatcher } from "./http/dispatcher";
import { createHealthRoutes } from "./http/health";
import { createHttpServer, type HttpServer } from "./http/http-server";
import { createMetricsRoute } from "./http/metrics";
import { createOrigins, type Origins } from "./http/origins";
import { createPages, type Pages } from "./http/pages";
import { createTrpcRoute } from "./http/trpc-handler";
import { createUpgradeDispatcher } from "./http/upgrades";
import { announceChanges } from "./keys/announce-changes";
import type { Logger } from "./log";
import { bundledCatalog } from "./models/bundled-catalog";
import { demoCredential } from "./models/demo-provider";
import { createModels } from "./models/models";
import { MIGRATIONS_DIR, ownVersion } from "./project";
import type { Services } from "./services";
import { createSettings } from "./settings";
import { createSystem, engineChecks } from "./system";
import { createTerminalGateway, type TerminalGateway } from "./terminal/gateway";
import { createTickets, type Tickets } from "./terminal/tickets";

export interface RunningServer {
  /** Where people reach it. */
  origin: string;
  /** null once claimed */
  claimCode: string | null;
  /** Ends streams and sockets, then services, then the database; sessions' containers are left alone. */
  stop(): Promise<void>;
}

/**
 * Builds everything and listens. What was opened is closed again when a later step fails.
 * @param opts.root the project's directory
 * @throws DataDirectoryInUseError, or the system's error when the address is taken
 */
export async function startServer(
  env: Environment,
  opts: { root: string; log: Logger },
): Promise<RunningServer> {
  const { log, root } = opts;
  const closers: (() => void | Promise<void>)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const database = openDataDirectory(env.dataDir);
    closers.push(() => database.close());
    const { db } = database;
    const origins = createOrigins(env);
    setLibraryEnvironment({ origin: origins.main, mode: env.mode });
    const authSettings = loadAuthSettings(db, env);
    const engine = composeEngine({ env, root, log });
    const tickets = createTickets(systemClock);
    const measuring = composeMeasuring(systemClock, log);
    closers.push(() => measuring.stop());
    const driver = watchedDriver(engine.driver, (code) => measuring.meters.engineFailed(code));
    const version = ownVersion();
    const backups = composeBackups({ env, driver, log, version });
    closers.push(() => backups.stop());
    const composed = composeServices({
      db,
      env,
      authSettings,
      log,
      version,
      backups,
      engine: { ...engine, driver },
      measuring,
      tickets,
      origin: origins.main,
    });
    const { services, mirror } = composed;
    closers.push(() => mirror.stop());
    closers.push(() => composed.sessions.stop());
    const claimCode = services.claims.ensureCode();
    closers.push(provideServer({ services, authSettings, origin: origins.main }));
    const pages = await createPages({
      dev: env.mode === "development",
      dir: root,
      host: env.host,
      port: env.port,
      connectTo: env.convexUrl === null ? [] : [env.convexUrl],
    });
    closers.push(() => pages.close());
    const gateway = createTerminalGateway({ terminals: services.terminals, tickets, log });
    const http = composeHttp({ env, services, origins, pages, gateway, mirror, log });
    closers.push(() => http.close());
    closers.push(() => gateway.close());
    await http.listen(env);
    composed.sessions.start();
    backups.start();
    return { origin: origins.main, claimCode, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Only the server's own account may look in: it holds the database, the master key and the claim code. */
function openDataDirectory(dataDir: string) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
  return openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
}

/** What runs when the environment names no image (development without one): sessions then say how to build it. */
const NO_IMAGE = "openagent-session:missing";

function composeServices(deps: {
  db: Database;
  env: Environment;
  authSettings: AuthSettings;
  log: Logger;
  version: string;
  backups: BackupServices;
  engine: Engine;
  measuring: Measuring;
  tickets: Tickets;
  origin: string;
}): { services: Services; sessions: SessionServices; mirror: MirrorServices } {
  const { db, env, log, tickets, measuring } = deps;
  const { meters } = measuring;
  const { driver, egress } = deps.engine;
  const clock = systemClock;
  const image = env.sessionImage ?? NO_IMAGE;
  const { authSettings } = deps;
  const accounts = composeAccounts({ db, clock, dataDir: env.dataDir, authSettings, log });
  const catalog = bundledCatalog();
  const { providerKeys, keyTests, masterKey, box } = composeKeys({ db, env, catalog, clock, log });
  const models = createModels({ catalog, keys: providerKeys });
  const settings = createSettings({ db });
  const { origin } = deps;
  const mirror = composeMirror({
    db,
    clock,
    log,
    box,
    origin,
    convexUrl: env.convexUrl,
    tokenSeconds: env.liveTokenSeconds,
  });
  const storage = composeStorage({
    db,
    clock,
    logger: log,
    driver,
    dataDir: env.dataDir,
    image: env.sessionImage,
    highWaterPercent: env.diskHighWaterPercent,
  });
  const sessions = composeSessions({
    db,
    clock,
    logger: log,
    driver,
    egress,
    box,
    models,
    tickets,
    meters,
    dataDir: env.dataDir,
    image,
    maxSessions: env.maxSessions,
    settings,
    storage,
    credentialsFor: (userId) => [demoCredential(), ...providerKeys.credentialsFor(userId)],
    onCommit: () => mirror.wake(),
  });
  const keys = announceChanges(providerKeys, (scope) => {
    sessions.credentials
      .refresh(scope)
      .catch((err: unknown) => log.error({ err }, "changed keys not delivered"));
  });
  const checks = {
    database: databaseCheck({ db, dataDir: env.dataDir, clock }),
    mirror: () => mirror.check(),
    backups: async () => deps.backups.check(),
    ...engineChecks(driver, image),
  };
  const system = createSystem({ version: deps.version, claims: accounts.claims, checks, log });
  const health = measuring.health({
    db,
    dataDir: env.dataDir,
    system,
    isStreaming: (sessionId) => sessions.isStreaming(sessionId),
    mirrorLag: () => mirror.lag(),
  });
  const { prompts, requests, snapshots, terminals } = sessions;
  return {
    services: {
      ...accounts,
      system,
      health,
      keys,
      keyTests,
      masterKey,
      liveAccess: mirror.liveAccess,
      mirror: mirror.repair,
      models,
      storage: storage.storage,
      sessions: sessions.sessions,
      settings,
      prompts,
      requests,
      snapshots,
      terminals,
    },
    sessions,
    mirror,
  };
}

function composeHttp(deps: {
  env: Environment;
  services: Services;
  origins: Origins;
  pages: Pages;
  gateway: TerminalGateway;
  mirror: Pick<MirrorServices, "routes" | "upgrades">;
  log: Logger;
}): HttpServer {
  const { env, services, origins, pages, gateway, mirror, log } = deps;
  const request = createDispatcher({
    routes: [
      ...createHealthRoutes(services.system),
      createMetricsRoute({ token: env.metricsToken, metrics: services.health.metrics }),
      createTrpcRoute(services),
      gateway.route,
      ...mirror.routes,
      ...pages.routes,
    ],
    origins,
    clock: systemClock,
    log,
  });
  const upgrades = [gateway.upgrade, ...mirror.upgrades, ...pages.upgrades];
  const upgrade = createUpgradeDispatcher({ routes: upgrades, origins, log });
  return createHttpServer({ request, upgrade });
}
