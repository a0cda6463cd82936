import { join } from "node:path";
import { startServer, type RunningServer } from "./compose";
import { DataDirectoryInUseError } from "./db/database";
import { EnvironmentError, readServerEnvironment } from "./env";
import { MasterKeyError } from "./keys/master-key";
import { createLog, type Logger } from "./log";
import { keepLogSmall } from "./log-size";
import { ROOT } from "./project";

/** Where `npm run up` sends this process's output (scripts/lib/server-process.mjs). */
const LOG_FILE = "logs/server.log";
/** After this the process ends whatever still runs. */
const STOP_DEADLINE_MS = 5_000;

async function main(): Promise<void> {
  const env = readServerEnvironment();
  const log = createLog({ level: env.logLevel });
  keepLogSmall(join(env.dataDir, LOG_FILE), (err) =>
    log.error({ err }, "what the log held could not be kept"),
  );
  const server = await startServer(env, { root: ROOT, log });
  stopOnSignals(server, log);
  log.info({ origin: server.origin, dataDir: env.dataDir, claimed: server.claimCode === null }, "listening");
}

function stopOnSignals(server: RunningServer, log: Logger): void {
  const state = { stopping: false };
  const stop = (signal: NodeJS.Signals) => {
    if (state.stopping) process.exit(1);
    state.stopping = true;
    log.info({ signal }, "stopping; sessions go on");
    setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref();
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "stopping failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/** For failures that the operator can mend: one sentence; for others the stack. */
function explain(error: unknown): string {
  if (error instanceof EnvironmentError || error instanceof DataDirectoryInUseError) return error.message;
  if (error instanceof MasterKeyError) return error.message;
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
    return "Another program listens on this port. Stop it, or give OpenAgent another one by PORT.";
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
});
