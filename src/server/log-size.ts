import { copyFileSync, fstatSync, statSync, truncateSync } from "node:fs";

/** As much again may be in the file beside it. */
const MAX_LOG_BYTES = 20 * 1024 * 1024;
const CHECK_MS = 10_000;

/**
 * Holds the file that `npm run up` appends this process's output to at some 20 MiB while the process lives, whoever writes
 * there: the logger, Next, next-auth. An output that goes anywhere else is left alone.
 */
export function keepLogSmall(file: string, onError: (err: unknown) => void): void {
  setInterval(() => {
    try {
      shrinkLog({ file, output: process.stdout.fd, maxBytes: MAX_LOG_BYTES });
    } catch (err) {
      onError(err);
    }
  }, CHECK_MS).unref();
}

/**
 * Moves what a log of more than `maxBytes` holds to `<file>.1`. The file itself stays, as the output is open on it; writes
 * are appended, so they go on at its new end, and nothing in this process writes between the copy and the cut.
 * @param opts.output the open file that the process writes to
 * @throws the system's error when the copy fails; the log is cut all the same, as a full disk may be why
 */
export function shrinkLog(opts: { file: string; output: number; maxBytes: number }): void {
  const open = fstatSync(opts.output);
  const named = statSync(opts.file, { throwIfNoEntry: false });
  if (named === undefined || named.ino !== open.ino || named.dev !== open.dev) return;
  if (open.size <= opts.maxBytes) return;
  try {
    copyFileSync(opts.file, `${opts.file}.1`);
  } finally {
    truncateSync(opts.file);
  }
}
