import { performance } from "node:perf_hooks";
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { nodeProgram, ROOT } from "./environment.mjs";
import { SetupError } from "./setup-error.mjs";
import { lastLines } from "./steps.mjs";

const ENTRY_BELOW_ROOT = "/dist/server/main.mjs";
export const ENTRY = join(ROOT, ENTRY_BELOW_ROOT);
const DATA_DIR = "OPENAGENT_DATA_DIR";
const READY_DEADLINE_MS = 60_000;
const PROBE_DEADLINE_MS = 5_000;
const KEPT_LOG_BYTES = 20 * 1024 * 1024;

/** @typedef {import("./environment.mjs").Environment} Environment */

/** @param {string} dataDir */
export const logFileOf = (dataDir) => join(dataDir, "logs/server.log");
/** @param {string} dataDir */
const pidFileOf = (dataDir) => join(dataDir, "server.pid");

/**
 * What a server was started with; the addresses as in {@link Environment}.
 * @typedef {{ port: number, url: string, localUrl: string, image: string }} StartedWith
 */

/**
 * The pid of the server of this data directory; undefined when it does not run. A pid that another program has by now
 * is not taken for it.
 * @param {string} dataDir
 * @returns {number | undefined}
 */
export function runningServer(dataDir) {
  const pid = Number(readPidFile(dataDir)[0]);
  return Number.isInteger(pid) && pid > 1 && isServer(pid, dataDir) ? pid : undefined;
}

/**
 * What the running server was started with: its address is its own, whatever PORT says now.
 * @param {string} dataDir
 * @returns {StartedWith | undefined} undefined when no server runs, or one that wrote down its pid alone
 */
export function runningServerStartedWith(dataDir) {
  if (runningServer(dataDir) === undefined) return undefined;
  try {
    const { port, url, localUrl, image } = JSON.parse(readPidFile(dataDir)[1] ?? "");
    const isWhole =
      Number.isInteger(port) && URL.canParse(url) && URL.canParse(localUrl) && typeof image === "string";
    return isWhole ? { port, url, localUrl, image } : undefined;
  } catch {
    // Not written by this version, or not whole: only the pid is known.
    return undefined;
  }
}

/**
 * The pid on the first line, {@link StartedWith} as JSON on the second.
 * @param {string} dataDir
 * @param {{ pid: number, startedWith: StartedWith }} server
 */
export function recordServer(dataDir, { pid, startedWith }) {
  writeFileSync(pidFileOf(dataDir), `${pid}\n${JSON.stringify(startedWith)}\n`, { mode: 0o600 });
}

/** @param {string} dataDir @returns {string[]} lines; none when there is no file */
function readPidFile(dataDir) {
  const file = pidFileOf(dataDir);
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/**
 * Another checkout may have started it, and its pid may by now be that of another data directory's server.
 * @param {number} pid
 * @param {string} dataDir
 */
function isServer(pid, dataDir) {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return args.some((arg) => arg.endsWith(ENTRY_BELOW_ROOT)) && serves(pid, dataDir);
  } catch {
    // No such process any more.
    return false;
  }
}

/** @param {number} pid @param {string} dataDir */
function serves(pid, dataDir) {
  let variables;
  try {
    variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // Another user's; whoever wants to end it is told so.
    return true;
  }
  const own = variables.find((variable) => variable.startsWith(`${DATA_DIR}=`))?.slice(DATA_DIR.length + 1);
  return own !== undefined && isSameDirectory(own, dataDir);
}

/** @param {string} a @param {string} b */
function isSameDirectory(a, b) {
  if (!existsSync(a) || !existsSync(b)) return a === b;
  const [one, other] = [statSync(a), statSync(b)];
  return one.dev === other.dev && one.ino === other.ino;
}

/**
 * Starts the server in a session of its own; it outlives this script.
 * @param {{ environment: Environment, env: Record<string, string | undefined>, image: string }} options
 *   `env` names the data directory: by that the process is known again
 * @returns {{ child: import("node:child_process").ChildProcess, logFrom: number }} `logFrom`: where its part of the log begins, bytes
 */
export function startServer({ environment, env, image }) {
  const { dataDir, port, url, localUrl } = environment;
  const logFile = logFileOf(dataDir);
  mkdirSync(join(dataDir, "logs"), { recursive: true, mode: 0o700 });
  if (existsSync(logFile) && statSync(logFile).size > KEPT_LOG_BYTES) renameSync(logFile, `${logFile}.1`);
  const logFrom = existsSync(logFile) ? statSync(logFile).size : 0;
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(nodeProgram(), [ENTRY], {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  if (child.pid) recordServer(dataDir, { pid: child.pid, startedWith: { port, url, localUrl, image } });
  return { child, logFrom };
}

/**
 * Waits until /readyz is 200.
 * @param {{ environment: Environment, hasEnded?: () => boolean, logFrom?: number, deadlineMs?: number }} options
 * @throws {SetupError} with the log's last lines when the process ended or the deadline passed
 */
export async function untilReady({
  environment,
  hasEnded = () => false,
  logFrom = 0,
  deadlineMs = READY_DEADLINE_MS,
}) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await askReadiness(environment);
    if (answer.ready) return;
    if (hasEnded() || performance.now() > deadline) {
      const log = logFileOf(environment.dataDir);
      const tail = existsSync(log) ? lastLines(readFileSync(log).subarray(logFrom).toString("utf8"), 20) : "";
      throw new SetupError(
        hasEnded()
          ? `The server ended as it started. Mend what its last lines above name, then \`npm run up\`; the whole log is in ${log}.`
          : `The server runs on port ${environment.port} but is not ready (${answer.why}). Mend what this names, then \`npm run down\` and \`npm run up\`; the log is in ${log}.`,
        tail,
      );
    }
    await delay(150);
  }
}

/**
 * @param {Pick<Environment, "localUrl">} server
 * @returns {Promise<{ ready: boolean, answered: boolean, why: string }>} `why`: what it answered, or why it did not
 */
export function askReadiness({ localUrl }) {
  return new Promise((resolve) => {
    // Whatever it listens on and whatever OPENAGENT_URL says, its health is told to whoever calls it by this name.
    const local = new URL(localUrl);
    local.hostname = "127.0.0.1";
    const headers = { host: local.host };
    const get = request(`${localUrl}/readyz`, { headers, timeout: PROBE_DEADLINE_MS }, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.once("end", () =>
        resolve({ ready: response.statusCode === 200, answered: true, why: body.slice(0, 500) }),
      );
      response.once("error", (error) => resolve({ ready: false, answered: false, why: error.message }));
    });
    get.once("timeout", () => get.destroy(new Error("no answer")));
    get.once("error", (error) => resolve({ ready: false, answered: false, why: error.message }));
    get.end();
  });
}

/**
 * Asks the server to end and waits for it. Sessions stay.
 * @param {{ dataDir: string, pid: number, deadlineMs: number }} options
 * @throws {SetupError} when it is still there after the deadline
 */
export async function stopServer({ dataDir, pid, deadlineMs }) {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EPERM") {
      throw new SetupError(
        `The server runs as another user (pid ${pid}). Run \`npm run down\` as that user, or as root.`,
        error.message,
      );
    }
    // It ended by itself between the look and the signal.
  }
  const deadline = performance.now() + deadlineMs;
  while (isServer(pid, dataDir)) {
    if (performance.now() > deadline) {
      throw new SetupError(
        `The server (pid ${pid}) did not end in ${deadlineMs / 1000} s. Look at \`npm run logs\`; \`kill -9 ${pid}\` ends it, sessions stay.`,
      );
    }
    await delay(50);
  }
  rmSync(pidFileOf(dataDir), { force: true });
}

/**
 * @param {string} dataDir
 * @returns {string | null} null once claimed
 */
export function claimCode(dataDir) {
  const file = join(dataDir, "claim-code");
  return existsSync(file) ? readFileSync(file, "utf8").trim() || null : null;
}
