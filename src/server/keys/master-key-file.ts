/** Master keys on disk: 32 bytes in base64, mode 0600. A successor stands at `<file>.next` until it takes the file's place. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { MASTER_KEY_BYTES, MasterKeyError, masterKeyOf, newMasterKey, type MasterKey } from "./master-key";

/**
 * @returns null when there is no such file
 * @throws MasterKeyError `unreadable`, `too_open` or `wrong_size`
 */
export function readKeyFile(file: string): MasterKey | null {
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
    if (bytes.length !== MASTER_KEY_BYTES || bytes.toString("base64") !== text) {
      throw new MasterKeyError(
        "wrong_size",
        `The master key in ${file} is not ${MASTER_KEY_BYTES} bytes in base64. Put the right file back from its backup.`,
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
    if (isMissing(error)) return null;
    throw new MasterKeyError(
      "unreadable",
      `The master key in ${file} cannot be read. Give the file to the user that the server runs as.`,
      { cause: error },
    );
  }
}

/** Complete or not at all: a crash half way leaves no short file that would be taken for the key. */
export function createKeyFile(file: string): MasterKey {
  const master = newMasterKey();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    writeDurably(draft, master);
    // Unlike a rename, a link never replaces what another process put there meanwhile.
    linkSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  syncDirectory(dirname(file));
  return master;
}

/** Where the successor of the key in `file` stands: beside the file itself, whatever symbolic links lead to it. */
export function successorOf(file: string): string {
  return `${realFile(file)}.next`;
}

/**
 * Writes the successor, complete and on disk when this returns. A short one after a crash does no harm: no record is
 * sealed with it yet.
 * @throws the system's error, with nothing left behind; also when there is a successor already
 */
export function writeSuccessor(file: string, next: MasterKey): void {
  const path = successorOf(file);
  try {
    writeDurably(path, next);
  } catch (error) {
    if (!isCode(error, "EEXIST")) rmSync(path, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** The successor takes the file's place, in one step. @throws MasterKeyError `not_in_place` */
export function promoteSuccessor(file: string): void {
  const [from, to] = [successorOf(file), realFile(file)];
  try {
    renameSync(from, to);
  } catch (error) {
    throw new MasterKeyError(
      "not_in_place",
      `The new master key stands in ${from} and could not be put in the place of ${to}. Keep it, it is the only copy: move it there by hand, or let the server's user write in that directory.`,
      { cause: error },
    );
  }
  syncRenamed(to);
}

/** In place, but perhaps not yet on disk: the old file would be back after a power cut, and not open what is stored. */
function syncRenamed(file: string): void {
  try {
    syncDirectory(dirname(file));
  } catch (error) {
    throw new MasterKeyError(
      "not_in_place",
      `The new master key stands in ${file}, but the disk does not confirm it. Copy it to a safe place now and look after the disk.`,
      { cause: error },
    );
  }
}

/** For a successor that never came into force. @throws MasterKeyError `not_in_place` */
export function removeSuccessor(file: string): void {
  const path = successorOf(file);
  try {
    unlinkSync(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw new MasterKeyError(
      "not_in_place",
      `${path} is left over from a change of the master key that did not take place, and could not be removed. Remove it by hand.`,
      { cause: error },
    );
  }
}

/** @throws when the file exists */
function writeDurably(path: string, master: MasterKey): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    writeFileSync(fd, `${master.bytes.toString("base64")}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function realFile(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    // Not there, or not to be looked at: reading it says so better.
    return file;
  }
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isMissing(error: unknown): boolean {
  return isCode(error, "ENOENT");
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
