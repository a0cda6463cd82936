import { join } from "node:path";
import { tryLock } from "../db/database";
import { pause } from "../sessions/pause";
import { BackupError } from "./backup-error";

/** Held while volumes of this data directory are exported or imported, by whatever process. @returns null when another holds it */
export function tryCopyLock(dataDir: string): { release(): void } | null {
  return tryLock(join(dataDir, "copy.lock"));
}

/** @throws BackupError `in_use` */
export function takeCopyLock(dataDir: string): { release(): void } {
  const lock = tryCopyLock(dataDir);
  if (lock !== null) return lock;
  throw new BackupError(
    "in_use",
    `Another backup or restore of ${dataDir} is under way. Wait for its end, then try again.`,
  );
}

const TRY_AGAIN_MS = 100;

/**
 * As {@link takeCopyLock}, once the others have ended.
 * @param opts.waitMs the longest wait; missing: until the signal
 * @throws BackupError `in_use`, or the signal's reason
 */
export async function waitForCopyLock(
  dataDir: string,
  opts: { signal: AbortSignal; waitMs?: number },
): Promise<{ release(): void }> {
  const until = performance.now() + (opts.waitMs ?? Infinity);
  for (;;) {
    opts.signal.throwIfAborted();
    const lock = tryCopyLock(dataDir);
    if (lock !== null) return lock;
    if (performance.now() >= until) return takeCopyLock(dataDir);
    await pause(TRY_AGAIN_MS, opts.signal);
  }
}
