import { type Clock, isoNow } from "../clock";
import type { Database } from "../db/database";
import { setInstallationValue } from "../db/installation-value";
import { AppError } from "../errors";
import { diskRoom, type DiskRoom } from "../storage/disk-room";

const MIB = 1024 ** 2;
/** With less, the next few turns' events find no room. */
const LEAST_FREE_BYTES = 16 * MIB;
/** Whoever asks, and however often: each write waits for the disk. A failure is looked at again sooner. */
const WRITE_AGAIN_MS = { well: 10_000, failed: 1_000 };
/** Row of `installation`. */
const WRITTEN_AT = "writeCheckedAt";

/** For `/readyz`: the database takes writes, and there is room for more. It throws the sentence of what is not so. */
export function databaseCheck(deps: {
  db: Database;
  dataDir: string;
  clock: Clock;
  /** For tests. */
  measure?: (directory: string) => Pick<DiskRoom, "freeBytes">;
}): () => Promise<string> {
  const { db, clock, measure = diskRoom } = deps;
  let last: { failure: AppError | null; atMs: number } | null = null;
  const write = (): AppError | null => {
    try {
      setInstallationValue(db, WRITTEN_AT, isoNow(clock));
      return null;
    } catch (error) {
      return notWritten(error);
    }
  };
  return async () => {
    const nowMs = clock.monotonicNow();
    const goodForMs = last?.failure ? WRITE_AGAIN_MS.failed : WRITE_AGAIN_MS.well;
    if (last === null || nowMs - last.atMs >= goodForMs) last = { failure: write(), atMs: nowMs };
    if (last.failure) throw last.failure;
    const { freeBytes } = measure(deps.dataDir);
    if (freeBytes < LEAST_FREE_BYTES) throw littleRoom(freeBytes);
    return "ok";
  };
}

function notWritten(cause: unknown): AppError {
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return new AppError(
    "SERVICE_UNAVAILABLE",
    "out_of_disk",
    `The database takes no writes${code}. Free some disk where the data directory is, and check that the server may write there; it goes on by itself then.`,
    { cause },
  );
}

function littleRoom(freeBytes: number): AppError {
  return new AppError(
    "SERVICE_UNAVAILABLE",
    "out_of_disk",
    `Only ${Math.floor(freeBytes / MIB)} MiB are free where the data directory is. Free some, or delete sessions that nobody needs.`,
  );
}
