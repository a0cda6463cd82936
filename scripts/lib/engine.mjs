import { performance } from "node:perf_hooks";
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SetupError } from "./setup-error.mjs";
import { lastLines, runProgram, say } from "./steps.mjs";

const PING_DEADLINE_MS = 5_000;
const START_DEADLINE_MS = 60_000;
const PROGRAM_PLACES = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/**
 * What there is to work with when the engine does not answer.
 * @typedef {object} Situation
 * @property {string} code why not: Node's errno name, or `HTTP 503`
 * @property {string} socketPath
 * @property {boolean} socketGiven DOCKER_HOST names the socket
 * @property {boolean} isRoot
 * @property {boolean} hasDockerd
 * @property {boolean} hasApt
 */

/**
 * Makes sure that an engine answers on the socket: finds it, or as root starts it, or installs it with apt first.
 * @param {{ socketPath: string, socketGiven: boolean, stateDir: string }} options
 *   `stateDir`: log and pid of an engine that this starts where no systemd runs; it outlives the script
 * @throws {SetupError}
 */
export async function ensureEngine({ socketPath, socketGiven, stateDir }) {
  const code = await pingEngine(socketPath);
  if (code === undefined) return;
  const situation = {
    code,
    socketPath,
    socketGiven,
    isRoot: process.getuid?.() === 0,
    hasDockerd: findProgram("dockerd") !== undefined,
    hasApt: findProgram("apt-get") !== undefined,
  };
  if (decide(situation) === "install") {
    await installEngine();
    // Some packages start the engine themselves.
    if ((await pingEngine(socketPath)) === undefined) return;
  }
  await startEngine({ socketPath, stateDir });
}

/**
 * @param {Situation} situation
 * @returns {"install" | "start"}
 * @throws {SetupError} when only a person can go on
 */
export function decide({ code, socketPath, socketGiven, isRoot, hasDockerd, hasApt }) {
  if (code === "EACCES" || code === "EPERM") {
    throw new SetupError(
      "This user may not use Docker. Run `sudo usermod -aG docker $USER`, sign out and in again, then `npm run up`.",
      `${socketPath}: ${code}`,
    );
  }
  if (socketGiven) {
    throw new SetupError(
      `No engine answers on ${socketPath}, which DOCKER_HOST names. Start that engine, or unset DOCKER_HOST to use this machine's own.`,
      code,
    );
  }
  if (hasDockerd) {
    if (isRoot) return "start";
    throw new SetupError(
      "Docker is installed but does not run. Start it with `sudo systemctl start docker`, then `npm run up`.",
      code,
    );
  }
  if (isRoot && hasApt) return "install";
  throw new SetupError(
    hasApt
      ? "Docker is not installed. Run `sudo apt-get install -y docker.io && sudo usermod -aG docker $USER`, sign out and in again, then `npm run up`."
      : "Docker is not installed, and there is no apt-get to install it with. Install Docker Engine (docs.docker.com/engine/install), then `npm run up`.",
    code,
  );
}

/**
 * @param {string} socketPath
 * @returns {Promise<string | undefined>} undefined when it answers, else why not
 */
export function pingEngine(socketPath) {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: "/_ping", timeout: PING_DEADLINE_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? undefined : `HTTP ${response.statusCode}`);
    });
    ping.once("timeout", () => ping.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })));
    ping.once("error", (/** @type {NodeJS.ErrnoException} */ error) => resolve(error.code ?? error.message));
    ping.end();
  });
}

/**
 * @param {string} socketPath
 * @param {string} path of the engine's API
 * @returns {Promise<any>} the answer's JSON
 */
export function askEngine(socketPath, path) {
  return new Promise((resolve, reject) => {
    const get = request({ socketPath, path, timeout: PING_DEADLINE_MS }, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.once("error", reject);
      response.once("end", () => {
        try {
          if (response.statusCode !== 200)
            throw new Error(`HTTP ${response.statusCode}: ${body.slice(0, 300)}`);
          resolve(JSON.parse(body));
        } catch (error) {
          reject(error);
        }
      });
    });
    get.once("timeout", () => get.destroy(new Error("no answer")));
    get.once("error", reject);
    get.end();
  });
}

async function installEngine() {
  say("  installing docker.io with apt");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const failure =
    "Docker could not be installed with apt. Mend what the lines above name (often the way to the package mirror), then `npm run up`.";
  await runProgram("apt-get", ["update"], { env, failure });
  await runProgram("apt-get", ["install", "-y", "--no-install-recommends", "docker.io"], { env, failure });
}

/** @param {{ socketPath: string, stateDir: string }} options */
async function startEngine({ socketPath, stateDir }) {
  if (existsSync("/run/systemd/system")) {
    say("  starting the engine with systemd");
    await runProgram("systemctl", ["start", "docker"], {
      failure:
        "Docker could not be started. Look at `journalctl -u docker -n 50`, mend what it names, then `npm run up`.",
    });
    await untilEngineAnswers({ socketPath, hasEnded: () => false, logFile: undefined });
    return;
  }
  say("  starting the engine in the background");
  await startDaemon({ command: [findProgram("dockerd") ?? "dockerd"], socketPath, stateDir });
}

/** An engine that was killed leaves these; it refuses to start while the pid in one of them is anybody's, a zombie's too. */
const ENGINE_PID_FILES = [
  { file: "/var/run/docker.pid", program: "dockerd" },
  { file: "/var/run/docker/containerd/containerd.pid", program: "containerd" },
];

/**
 * Removes a pid file that names no living process of that program; a good one stays.
 * @param {string} file
 * @param {string} program as in /proc/PID/comm
 */
export function clearStalePidFile(file, program) {
  if (!existsSync(file)) return;
  const pid = readFileSync(file, "utf8").trim();
  const status =
    /^\d+$/.test(pid) && existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/status`, "utf8") : "";
  const lives = status.includes(`Name:\t${program}\n`) && !/^State:\tZ/m.test(status);
  if (!lives) rmSync(file);
}

/**
 * Starts dockerd in a session of its own, so that it outlives this script and its terminal. Its pid goes to
 * `dockerd.pid` in the state directory: whoever wants it gone ends that process.
 * @param {{ command: string[], socketPath: string, stateDir: string }} options
 */
export async function startDaemon({ command, socketPath, stateDir }) {
  for (const { file, program } of ENGINE_PID_FILES) clearStalePidFile(file, program);
  mkdirSync(stateDir, { recursive: true });
  const logFile = join(stateDir, "dockerd.log");
  const log = openSync(logFile, "w");
  const [program = "dockerd", ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  let ended = false;
  child.once("error", () => (ended = true));
  child.once("exit", () => (ended = true));
  if (child.pid) writeFileSync(join(stateDir, "dockerd.pid"), `${child.pid}\n`);
  await untilEngineAnswers({ socketPath, hasEnded: () => ended, logFile });
  child.unref();
}

/** @param {{ socketPath: string, hasEnded: () => boolean, logFile: string | undefined }} options */
async function untilEngineAnswers({ socketPath, hasEnded, logFile }) {
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    const code = await pingEngine(socketPath);
    if (code === undefined) return;
    if (hasEnded() || performance.now() > deadline) {
      throw new SetupError(
        `Docker was started but does not answer on ${socketPath}. Mend what the engine's last lines name, then \`npm run up\`.`,
        logFile ? lastLines(readFileSync(logFile, "utf8"), 15) : code,
      );
    }
    await delay(200);
  }
}

/** @param {string} name */
function findProgram(name) {
  return PROGRAM_PLACES.map((place) => join(place, name)).find((path) => existsSync(path));
}
