import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Driver, DriverError } from "../../drivers/driver";
import { DATABASE_FILE } from "../db/database";
import { FORMAT, FORMAT_VERSION } from "./archive-format";
import { writeArchive, type ArchiveWriter, type Written } from "./archive-writer";
import { BackupError } from "./backup-error";
import { takeCopyLock } from "./copy-lock";
import { copyDatabase, type DatabaseCopy } from "./database-copy";
import { makeStaging, removeLeftStaging } from "./staging";

export interface BackupSource {
  dataDir: string;
  driver: Pick<Driver, "exportVolumes" | "whilePaused" | "recoverCopies" | "listVolumes">;
  /** Of OpenAgent. */
  version: string;
}

export interface BackupMade extends Written {
  fileBytes: number;
  /** Sessions that have no volumes on the engine: their chat is in the archive, their files are not. */
  withoutFiles: string[];
}

export interface BackupProgress {
  (progress: { session: number; of: number; bytes: number }): void;
}

export interface BackupOptions {
  file: string;
  passphrase: string;
  onProgress?: BackupProgress;
  /** Ends it early: sessions go on at once, and there is no file. */
  signal?: AbortSignal;
}

/** What a passphrase must have at least: the archive may lie where others can guess at leisure. */
const MIN_PASSPHRASE_CHARS = 12;

/**
 * Writes one encrypted archive of the whole installation to `file`, beside a running server or without one. The master key is
 * not in it.
 * @throws BackupError, DriverError, or the system's error; there is no file then
 */
export async function makeBackup(source: BackupSource, opts: BackupOptions): Promise<BackupMade> {
  requireStrong(opts.passphrase);
  if (!existsSync(join(source.dataDir, DATABASE_FILE))) {
    throw new BackupError(
      "bad_file",
      `There is no installation in ${source.dataDir}. Set OPENAGENT_DATA_DIR to the directory of the one to back up.`,
    );
  }
  const lock = takeCopyLock(source.dataDir);
  try {
    return await makeBackupUnderLock(source, opts);
  } finally {
    lock.release();
  }
}

/** As {@link makeBackup}, by whoever holds the copy lock of the directory already. */
export async function makeBackupUnderLock(source: BackupSource, opts: BackupOptions): Promise<BackupMade> {
  await removeLeftStaging(source.dataDir, "backup");
  await source.driver.recoverCopies();
  const staging = await makeStaging(source.dataDir, "backup");
  try {
    const copied = join(staging, DATABASE_FILE);
    const copy = await copyDatabase({ from: join(source.dataDir, DATABASE_FILE), to: copied });
    return await writeAll(source, { ...opts, copy, copied });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function writeAll(
  source: BackupSource,
  opts: BackupOptions & { copy: DatabaseCopy; copied: string },
): Promise<BackupMade> {
  const { copy } = opts;
  const withFiles = await sessionsWithFiles(source, copy);
  const withoutFiles: string[] = [];
  let session = 0;
  const onBytes = (bytes: number) => opts.onProgress?.({ session, of: withFiles.length, bytes });
  let isOpen = true;
  const close = async () => {
    if (isOpen) await copy.close();
    isOpen = false;
  };
  try {
    const written = await writeArchive({ ...opts, onBytes }, async (archive) => {
      await archive.manifest({
        format: FORMAT,
        version: FORMAT_VERSION,
        createdAt: new Date().toISOString(),
        madeBy: source.version,
        migrations: copy.migrations,
        masterKeyCheck: copy.masterKeyCheck,
      });
      for (const { id } of withFiles) {
        session += 1;
        if (!(await addSession(source, { archive, copy, id }))) withoutFiles.push(id);
      }
      await close();
      await archive.database(opts.copied);
    });
    return { ...written, withoutFiles };
  } finally {
    await close();
  }
}

/** Rows and files of one session, as they stand at one moment. @returns false when there are no volumes of it */
async function addSession(
  { driver }: BackupSource,
  { archive, copy, id }: { archive: ArchiveWriter; copy: DatabaseCopy; id: string },
): Promise<boolean> {
  return driver.whilePaused(id, async () => {
    if (!(await copy.catchUp(id))) return true;
    let begun = false;
    try {
      await driver.exportVolumes(id, (kind, tar) => {
        begun = true;
        return archive.volume(id, kind, tar);
      });
      return true;
    } catch (error) {
      if (begun || !(error instanceof DriverError) || error.code !== "instance_gone") throw error;
      return false;
    }
  });
}

/** @throws BackupError when there should be some and there is none: then the engine is another, or the names are */
async function sessionsWithFiles({ driver }: BackupSource, copy: DatabaseCopy) {
  const known = new Set(await driver.listVolumes());
  const expected = copy.sessions.filter(({ hasFiles }) => hasFiles);
  if (expected.length > 0 && !expected.some(({ id }) => known.has(id))) {
    throw new BackupError(
      "no_volumes",
      "None of the sessions has its files on this engine. Set OPENAGENT_INSTANCE and DOCKER_HOST to what the server runs with.",
      { detail: `${expected.length} sessions without volumes` },
    );
  }
  return copy.sessions.filter(({ id, hasFiles }) => hasFiles || known.has(id));
}

/** @throws BackupError `weak_passphrase` */
function requireStrong(passphrase: string): void {
  if (passphrase.length >= MIN_PASSPHRASE_CHARS) return;
  throw new BackupError(
    "weak_passphrase",
    `The passphrase is too short: whoever finds the file may guess for years. Take at least ${MIN_PASSPHRASE_CHARS} characters, such as five words by chance.`,
  );
}
