import { readBootLine } from "./boot-line";
import { startSidecar } from "./compose";
import { createEnvironmentConfig } from "./env";
import { createLog, describeError } from "./log";
import { SIDECAR_VERSION } from "./version";

const END_WITHIN_MS = 3000;
/** As of a program that SIGTERM ended: the server tells by it that the end was asked for, however long it took. */
const ENDED_ON_REQUEST = 143;

const log = createLog((line) => process.stderr.write(line));

// The container ends with the sidecar: nothing of the agent may outlive it and take its socket.
function die(message: string, error: unknown): void {
  log.error(message, { error: describeError(error) });
  process.exit(1);
}
process.on("uncaughtException", (error) => die("uncaught exception", error));
process.on("unhandledRejection", (error) => die("unhandled rejection", error));

async function main(): Promise<void> {
  // Shells of the agent inherit it; what is the sidecar's alone names its mode.
  process.umask(0o022);
  const boot = await readBootLine(process.stdin);
  const sidecar = await startSidecar({
    config: createEnvironmentConfig(),
    boot,
    version: SIDECAR_VERSION,
    log,
    giveUp: (reason) => die("giving up", reason),
  });
  let ending = false;
  const end = (signal: string) => {
    if (ending) return;
    ending = true;
    log.info("ending", { signal });
    setTimeout(() => process.exit(ENDED_ON_REQUEST), END_WITHIN_MS).unref();
    sidecar.close().then(
      () => process.exit(0),
      (error: unknown) => die("end failed", error),
    );
  };
  process.on("SIGTERM", () => end("SIGTERM"));
  process.on("SIGINT", () => end("SIGINT"));
}

main().catch((error: unknown) => die("start failed", error));
