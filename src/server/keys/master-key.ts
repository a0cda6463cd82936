import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { eq } from "drizzle-orm";
import type { Store } from "../db/database";
import { installation } from "../db/schema";
import { openEnvelope, sealEnvelope, SealError } from "./envelope";

const KEY_BYTES = 32;
const CHECK_ROW = "masterKeyCheck";
const CHECK_TEXT = "openagent";
const CHECK_CONTEXT = ["master-key-check"];

export interface MasterKey {
  /** Tells master keys apart; says nothing of the key. */
  id: string;
  /** 32 bytes */
  bytes: Buffer;
}

export type MasterKeyErrorCode = "missing" | "unreadable" | "too_open" | "wrong_size" | "wrong_key";

/** The server cannot start: `message` says what to do. */
export class MasterKeyError extends Error {
  override readonly name = "MasterKeyError";
  constructor(
    readonly code: MasterKeyErrorCode,
    message: string,
    opts: { cause?: unknown } = {},
  ) {
    super(message, opts);
  }
}

/**
 * The master key in `file` (32 bytes in base64, mode 0600). Made at the first start, when the database does not know of
 * one yet; never overwritten.
 * @throws MasterKeyError when the file is missing, unreadable by us, readable by others, or not the key of `db`.
 */
export function loadMasterKey(opts: { file: string; db: Store }): MasterKey {
  const check = opts.db.select().from(installation).where(eq(installation.name, CHECK_ROW)).get();
  const master = read(opts.file) ?? create(opts.file, { databaseHasSecrets: check !== undefined });
  if (check === undefined) {
    const value = sealEnvelope(master, CHECK_TEXT, CHECK_CONTEXT);
    opts.db.insert(installation).values({ name: CHECK_ROW, value }).run();
    return master;
  }
  verify(master, { sealed: check.value, file: opts.file });
  return master;
}

/** @param bytes exactly 32 */
export function masterKeyOf(bytes: Buffer): MasterKey {
  const id = createHash("sha256")
    .update("openagent/master-key-id/v1\0")
    .update(bytes)
    .digest("hex")
    .slice(0, 16);
  return { id, bytes };
}

function verify(master: MasterKey, opts: { sealed: string; file: string }): void {
  try {
    openEnvelope(master, opts.sealed, CHECK_CONTEXT);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw new MasterKeyError(
      "wrong_key",
      `The master key in ${opts.file} is not the one this data directory was made with. Put the right file back; nothing was changed.`,
      { cause: error },
    );
  }
}

/** @returns null when there is no such file */
function read(file: string): MasterKey | null {
  const fd = openForReading(file);
  if (fd === null) return null;
  try {
    const { mode } = fstatSync(fd);
    if ((mode & 0o077) !== 0) {
      throw new MasterKeyError(
        "too_open",
        `Others than its owner may use the master key in ${file} (mode ${(mode & 0o777).toString(8)}). Run: chmod 600 ${file}`,
      );
    }
    const text = readFileSync(fd, "utf8").trim();
    const bytes = Buffer.from(text, "base64");
    if (bytes.length !== KEY_BYTES || bytes.toString("base64") !== text) {
      throw new MasterKeyError(
        "wrong_size",
        `The master key in ${file} is not ${KEY_BYTES} bytes in base64. Put the right file back from its backup.`,
      );
    }
    return masterKeyOf(bytes);
  } finally {
    closeSync(fd);
  }
}

function openForReading(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new MasterKeyError(
      "unreadable",
      `The master key in ${file} cannot be read. Give the file to the user that the server runs as.`,
      { cause: error },
    );
  }
}

/** Complete or not at all: a crash half way leaves no short file that would be taken for the key. */
function create(file: string, opts: { databaseHasSecrets: boolean }): MasterKey {
  if (opts.databaseHasSecrets) {
    throw new MasterKeyError(
      "missing",
      `The master key ${file} is missing, and the stored secrets cannot be read without it. Put the file back, or set OPENAGENT_MASTER_KEY_FILE to where it is.`,
    );
  }
  const master = masterKeyOf(randomBytes(KEY_BYTES));
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  const fd = openSync(draft, "wx", 0o600);
  try {
    writeSync(fd, `${master.bytes.toString("base64")}\n`);
    fsyncSync(fd);
    // Unlike a rename, a link never replaces what another process put there meanwhile.
    linkSync(draft, file);
  } finally {
    closeSync(fd);
    unlinkSync(draft);
  }
  syncDirectory(dirname(file));
  return master;
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
