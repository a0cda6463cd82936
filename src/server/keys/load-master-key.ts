import { eq } from "drizzle-orm";
import type { Store } from "../db/database";
import { installation } from "../db/schema";
import { openEnvelope, sealEnvelope, SealError } from "./envelope";
import { MasterKeyError, type MasterKey } from "./master-key";
import {
  createKeyFile,
  promoteSuccessor,
  readKeyFile,
  removeSuccessor,
  successorOf,
} from "./master-key-file";

const CHECK_ROW = "masterKeyCheck";
const CHECK_TEXT = "openagent";
const CHECK_CONTEXT = ["master-key-check"];

/** Which key is in force, and where it lies. `unrecorded`: the database knows of none yet; null: there is no file. */
export type FoundMasterKey =
  | { place: "unrecorded"; master: MasterKey | null }
  | { place: "file"; master: MasterKey }
  /** A change of the key was cut short: the key in force stands in `<file>.next`. */
  | { place: "successor"; master: MasterKey };

/**
 * Looks which master key is in force, and changes nothing.
 * @throws MasterKeyError when the file is missing, unreadable by us, readable by others, or not the key of `db`.
 */
export function findMasterKey(opts: { file: string; db: Pick<Store, "select"> }): FoundMasterKey {
  const { file, db } = opts;
  const check = db.select().from(installation).where(eq(installation.name, CHECK_ROW)).get();
  const master = readKeyFile(file);
  if (check === undefined) return { place: "unrecorded", master };
  if (master !== null && opens(master, check.value)) return { place: "file", master };
  const next = readKeyFile(successorOf(file));
  if (next === null || !opens(next, check.value)) throw notTheKey(file, { isThere: master !== null });
  return { place: "successor", master: next };
}

/**
 * The master key in `file` (32 bytes in base64, mode 0600). Made at the first start, when the database does not know of
 * one yet; never overwritten. A change of the key that was cut short is brought to its end: the database says which of
 * `file` and `<file>.next` is in force.
 * @throws MasterKeyError when the file is missing, unreadable by us, readable by others, or not the key of `db`.
 */
export function loadMasterKey(opts: { file: string; db: Store }): MasterKey {
  const { file, db } = opts;
  const found = findMasterKey(opts);
  if (found.place === "unrecorded") {
    const master = found.master ?? createKeyFile(file);
    db.insert(installation)
      .values({ name: CHECK_ROW, value: checkOf(master) })
      .run();
    return master;
  }
  if (found.place === "file") removeSuccessor(file);
  else promoteSuccessor(file);
  return found.master;
}

/**
 * For a database that is not here yet: is the key in `file` the one that it was made with?
 * @param check the database's `masterKeyCheck`
 * @throws MasterKeyError when the file is unreadable by us, readable by others, or no key
 */
export function fitsKeyCheck(file: string, check: string): "fits" | "other" | "missing" {
  const master = readKeyFile(file);
  if (master === null) return "missing";
  return opens(master, check) ? "fits" : "other";
}

/** Makes `next` the key that the database was made with. To be called in the transaction that wraps its records anew. */
export function writeKeyCheck(store: Pick<Store, "update">, next: MasterKey): void {
  store
    .update(installation)
    .set({ value: checkOf(next) })
    .where(eq(installation.name, CHECK_ROW))
    .run();
}

function checkOf(master: MasterKey): string {
  return sealEnvelope(master, CHECK_TEXT, CHECK_CONTEXT);
}

function opens(master: MasterKey, check: string): boolean {
  try {
    openEnvelope(master, check, CHECK_CONTEXT);
    return true;
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return false;
  }
}

function notTheKey(file: string, { isThere }: { isThere: boolean }): MasterKeyError {
  return isThere
    ? new MasterKeyError(
        "wrong_key",
        `The master key in ${file} is not the one this data directory was made with. Put the right file back; nothing was changed.`,
      )
    : new MasterKeyError(
        "missing",
        `The master key ${file} is missing, and the stored secrets cannot be read without it. Put the file back, or set OPENAGENT_MASTER_KEY_FILE to where it is.`,
      );
}
