import { closeSync, mkdirSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { totalmem } from "node:os";
import { join } from "node:path";
import { diskOf, diskProblems, GIB, gib } from "./disk-space.mjs";
import { hostHint, hostProblem } from "./listen-host.mjs";
import { SetupError } from "./setup-error.mjs";

/** The server takes some 300 MB and an awake session 500 MB. */
const MEMORY_NEEDED = 2 * GIB;
/** Packages 1.0 GB, the build 60 MB, a base image while it is made 300 MB; measured. */
const CHECKOUT_NEEDED = 2 * GIB;
/** Bundles made anew, database and logs. */
const LITTLE = GIB / 2;

/**
 * What this machine is, as far as it decides whether OpenAgent runs on it.
 * @typedef {object} Machine
 * @property {string} nodeVersion
 * @property {string} platform
 * @property {string} arch
 * @property {number} memoryBytes
 * @property {import("./disk-space.mjs").Disk[]} disks
 */

/**
 * @param {Machine} machine
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
  problems.push(...diskProblems(machine.disks));
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
 * @param {{ rootDir: string, dataDir: string, firstTime: boolean }} plan
 *   both exist; `firstTime`: nothing was built yet, so the room for it is needed
 * @throws {SetupError}
 */
export function checkMachine({ rootDir, dataDir, firstTime }) {
  const problems = machineProblems({
    nodeVersion: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    memoryBytes: totalmem(),
    disks: [
      {
        ...diskOf(rootDir),
        what: "The checkout",
        neededBytes: firstTime ? CHECKOUT_NEEDED : LITTLE,
        next: "Free some there, or move it to a larger disk.",
      },
      {
        ...diskOf(dataDir),
        what: "The data directory",
        neededBytes: LITTLE,
        next: "Free some there, or set OPENAGENT_DATA_DIR to a larger disk.",
      },
    ],
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
