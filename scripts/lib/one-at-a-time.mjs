import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { SetupError } from "./setup-error.mjs";

/** Says `busy` where it must wait and `mine` once it holds the lock, which it does until its standard input ends. */
const HOLD = 'exec 9>>"$1" && { flock -n 9 || { echo busy; flock 9; }; } && echo mine && exec cat';

/**
 * Works while no other process of this machine works under the same file, and waits for one that does. The kernel keeps
 * the lock (flock(2)), so it is gone with the process that holds it, however that ends.
 * @template T
 * @param {{ file: string, onWait: () => void }} lock the file is made where it is missing, and stays
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 * @throws {SetupError} when there can be no lock, before any work
 */
export async function oneAtATime({ file, onWait }, work) {
  const holder = spawn("sh", ["-c", HOLD, "sh", file], { stdio: ["pipe", "pipe", "pipe"] });
  const closed = once(holder, "close");
  try {
    await untilHeld(holder, { file, onWait });
    return await work();
  } finally {
    holder.stdin.end();
    await closed;
  }
}

/**
 * @param {import("node:child_process").ChildProcessWithoutNullStreams} holder
 * @param {{ file: string, onWait: () => void }} lock
 */
async function untilHeld(holder, { file, onWait }) {
  let complaint = "";
  holder.stderr.on("data", (chunk) => (complaint += chunk));
  for await (const line of createInterface({ input: holder.stdout })) {
    if (line === "mine") return;
    onWait();
  }
  throw new SetupError(
    `${file} cannot be locked, so another start could come in between. Let this user write there and have \`flock\` installed (Debian's util-linux), then try again.`,
    complaint,
  );
}
