import { performance } from "node:perf_hooks";
import { spawn } from "node:child_process";
import { SetupError } from "./setup-error.mjs";

const KEPT_LINES = 40;

/** @param {string} line for people; stdout is kept for what other programs read */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Names a step before it and its time after it.
 * @template T
 * @param {string} title
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  say(`▸ ${title}`);
  const start = performance.now();
  const result = await work();
  say(`  ${title}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, show?: "nothing" | "stderr" | "everything", failure: string }} options
 *   `show`: what goes on to our stderr while it runs; `failure`: the sentence, with the next step, when it fails
 * @returns {Promise<string>} its stdout
 * @throws {SetupError} with its last lines as detail
 */
export async function runProgram(command, args, options) {
  const { cwd, env, show = "nothing", failure } = options;
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let tail = "";
  const keep = (/** @type {Buffer} */ chunk, /** @type {boolean} */ visible) => {
    tail = lastLines(tail + chunk.toString("utf8"), KEPT_LINES);
    if (visible) process.stderr.write(chunk);
  };
  child.stdout.on("data", (chunk) => {
    stdout += chunk.toString("utf8");
    keep(chunk, show === "everything");
  });
  child.stderr.on("data", (chunk) => keep(chunk, show !== "nothing"));
  const ended = await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal ?? code}`));
  });
  // What was shown already is not repeated.
  if (ended)
    throw new SetupError(
      failure,
      show === "nothing" ? `${tail}\n${command} ${ended}` : `${command} ${ended}`,
    );
  return stdout;
}

/**
 * @param {string} text
 * @param {number} count
 */
export function lastLines(text, count) {
  const lines = text.split("\n");
  return lines.slice(-count - 1).join("\n");
}
