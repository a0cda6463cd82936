import { join } from "node:path";
import { tryLock } from "../db/database";
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
