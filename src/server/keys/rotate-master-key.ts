import type { Database, Store } from "../db/database";
import { AppError } from "../errors";
import type { Logger } from "../log";
import { rewrapEnvelope, SealError } from "./envelope";
import { loadMasterKey, writeKeyCheck } from "./load-master-key";
import { MasterKeyError, newMasterKey, type HeldMasterKey, type MasterKey } from "./master-key";
import { promoteSuccessor, writeSuccessor } from "./master-key-file";
import { SEALED_COLUMNS, type SealedRecord } from "./sealed-records";

export interface RotationResult {
  /** Records whose data key is wrapped by the new master key now. */
  rotated: number;
  /** Records that did not open with the old master key and were left as they are: changed in the database, or damaged. */
  unreadable: number;
  /** Of the new master key; says nothing of the key itself. */
  keyId: string;
}

export interface MasterKeyRotation {
  /**
   * Makes a new master key and wraps every record's data key with it; the ciphertexts stay. Synchronous, so nothing is
   * sealed or opened half way. The new key is on disk beside the old one before the database knows of it, the database
   * changes in one transaction, then the new file takes the old one's place: after a crash at any point
   * {@link loadMasterKey} finds the key that the database was left with.
   * @throws AppError `master_key`
   */
  rotate(): RotationResult;
}

export interface MasterKeyRotationDeps {
  db: Pick<Database, "transaction" | keyof Store>;
  /** Where the master key stands. */
  file: string;
  master: HeldMasterKey;
  log: Pick<Logger, "info" | "warn">;
}

export function createMasterKeyRotation(deps: MasterKeyRotationDeps): MasterKeyRotation {
  const { db, file, master, log } = deps;
  return {
    rotate() {
      const next = newMasterKey();
      prepare(deps, next);
      // When this throws, the successor's file stays: only the database tells for sure whether a commit took place.
      const counts = db.transaction((tx) => rewrapAll(tx, { from: master, to: next, log }), {
        behavior: "immediate",
      });
      master.become(next);
      const result = { ...counts, keyId: next.id };
      log.info(result, "master key changed");
      try {
        promoteSuccessor(file);
      } catch (error) {
        if (!(error instanceof MasterKeyError)) throw error;
        throw new AppError("INTERNAL_SERVER_ERROR", "master_key", `The change is done. ${error.message}`, {
          cause: error,
          ...detailOf(error),
        });
      }
      return result;
    },
  };
}

/** A change that was cut short is finished first: its successor's file may hold the key in force, and the only copy of it. */
function prepare({ db, file, master }: MasterKeyRotationDeps, next: MasterKey): void {
  try {
    if (loadMasterKey({ file, db }).id !== master.id) {
      throw new MasterKeyError(
        "wrong_key",
        `The master key in ${file} is not the one that the running server uses. Start the server again, then change the key.`,
      );
    }
    writeSuccessor(file, next);
  } catch (error) {
    const message =
      error instanceof MasterKeyError
        ? error.message
        : `The new master key could not be written beside ${file}, so nothing was changed. Give the server's user write access to that directory and see that its disk has room, then try again.`;
    throw new AppError("PRECONDITION_FAILED", "master_key", message, { cause: error, ...detailOf(error) });
  }
}

function rewrapAll(
  tx: Pick<Store, "select" | "update">,
  { log, ...keys }: { from: MasterKey; to: MasterKey; log: MasterKeyRotationDeps["log"] },
): Omit<RotationResult, "keyId"> {
  const counts = { rotated: 0, unreadable: 0 };
  for (const { what, records, replace } of SEALED_COLUMNS) {
    for (const record of records(tx)) {
      const sealed = rewrapped(keys, record);
      if (sealed === null) {
        counts.unreadable += 1;
        log.warn({ what, id: record.id }, "a sealed record does not open and was left as it is");
      } else {
        counts.rotated += 1;
        replace(tx, record.id, sealed);
      }
    }
  }
  writeKeyCheck(tx, keys.to);
  return counts;
}

/** @returns null when the record does not open */
function rewrapped(
  keys: { from: MasterKey; to: MasterKey },
  { sealed, context }: SealedRecord,
): string | null {
  try {
    return rewrapEnvelope(keys, sealed, context);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return null;
  }
}

/** The system's own words; a MasterKeyError has them in its cause. */
function detailOf(error: unknown): { detail?: string } {
  const root = error instanceof MasterKeyError ? error.cause : error;
  return root instanceof Error ? { detail: root.message } : {};
}
