import { closeSync, mkdirSync, openSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { totalmem } from "node:os";
import { join } from "node:path";
import { hostHint, hostProblem } from "./listen-host.mjs";
import { SetupError } from "./setup-error.mjs";

const GIB = 1024 ** 3;
/** Image, its base while it is made, npm's packages and the build: some 3 GiB together, measured. */
const DISK_NEEDED = 4 * GIB;
/** The server takes some 300 MB and an awake session 500 MB. */
const MEMORY_NEEDED = 2 * GIB;

/**
 * What this machine is, as far as it decides whether OpenAgent runs on it.
 * @typedef {{ nodeVersion: string, platform: string, arch: string, freeDiskBytes: number, memoryBytes: number, firstTime: boolean }} Machine
 */

/**
 * @param {Machine} machine `firstTime`: nothing was built yet, so the room for it is needed
 * @returns {string[]} a sentence with its fix for each thing that is wrong
 */
export function machineProblems(machine) {
  const problems = [];
  if (machine.platform !== "linux" || machine.arch !== "x64") {
    problems.push(
      `OpenAgent runs on Linux on x64, not on ${machine.platform} ${machine.arch}. Use a Debian or Ubuntu VM.`,
    );
  }
  if (!nodeIsRecent(machine.nodeVersion)) {
    problems.push(
      `Node 20.9 or newer is needed, this is ${machine.nodeVersion}. Install it from nodejs.org or your distribution.`,
    );
  }
  const diskNeeded = machine.firstTime ? DISK_NEEDED : GIB / 2;
  if (machine.freeDiskBytes < diskNeeded) {
    problems.push(
      `${gib(diskNeeded)} of free disk are needed here, there are ${gib(machine.freeDiskBytes)}. Free some (\`docker system df\` shows what Docker holds), or set OPENAGENT_DATA_DIR to a larger disk.`,
    );
  }
  if (machine.memoryBytes < MEMORY_NEEDED * 0.9) {
    problems.push(
      `${gib(MEMORY_NEEDED)} of memory are needed, this machine has ${gib(machine.memoryBytes)}. Give it more.`,
    );
  }
  return problems;
}

/**
 * Makes the data directory where it is missing, and its lock file: who can write that can write the others.
 * @param {string} dataDir
 * @returns {string} the file that only one start at a time may hold
 * @throws {SetupError}
 */
export function makeDataDirectory(dataDir) {
  const lockFile = join(dataDir, "up.lock");
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    closeSync(openSync(lockFile, "a", 0o600));
  } catch (error) {
    throw new SetupError(
      `This user cannot write to the data directory ${dataDir}: run this as the user whose it is, give this one the right to it, or set OPENAGENT_DATA_DIR to another place.`,
      String(error),
    );
  }
  return lockFile;
}

/**
 * Checks this machine.
 * @param {{ dataDir: string, firstTime: boolean }} plan the data directory exists
 * @throws {SetupError}
 */
export function checkMachine({ dataDir, firstTime }) {
  const { bavail, bsize } = statfsSync(dataDir);
  const problems = machineProblems({
    nodeVersion: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    freeDiskBytes: bavail * bsize,
    memoryBytes: totalmem(),
    firstTime,
  });
  if (problems.length > 0) throw new SetupError(problems.join("\n"));
}

/**
 * @param {import("./environment.mjs").Environment} environment
 * @returns {string | undefined} what to know about HOST, where the server may start all the same
 * @throws {SetupError} when nobody could open the server
 */
export function checkHost({ host, port, urlGiven }) {
  if (urlGiven) return undefined;
  const problem = hostProblem({ host, port });
  if (problem) throw new SetupError(problem);
  return hostHint({ host, port });
}

/**
 * @param {{ host: string, port: number }} address
 * @throws {SetupError} when the server could not listen there
 */
export async function checkPort({ host, port }) {
  const server = createServer();
  const failure = await new Promise((resolve) => {
    server.once("error", resolve);
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
  if (failure) throw new SetupError(portProblem({ host, port, code: failure.code }), String(failure));
}

/**
 * @param {{ host: string, port: number, code: string }} failure `code`: Node's name for why it cannot listen
 * @returns {string}
 */
export function portProblem({ host, port, code }) {
  if (code === "EADDRINUSE") {
    return `Another program listens on port ${port}. Stop it (\`ss -ltnp | grep :${port}\` names it), or start with another one: PORT=${port + 1} npm run up`;
  }
  if (code === "EACCES")
    return `This user may not listen on port ${port}. Choose one from 1024: PORT=3000 npm run up`;
  return `Nothing can listen on ${host}, port ${port} (${code}). Set HOST to an address of this machine, such as 127.0.0.1.`;
}

/** @param {string} version such as `20.9.0` */
function nodeIsRecent(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 20 || (major === 20 && minor >= 9);
}

/** @param {number} bytes */
function gib(bytes) {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
