import { createWriteStream, existsSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Driver } from "../../drivers/driver";
import { DATABASE_FILE, lockDataDirectory } from "../db/database";
import { fitsKeyCheck } from "../keys/load-master-key";
import type { Complete, Manifest } from "./archive-format";
import { readArchive } from "./archive-reader";
import { BackupError } from "./backup-error";
import { takeCopyLock } from "./copy-lock";
import { syncDirectory } from "./durable-file";
import { makeBackupUnderLock } from "./make-backup";
import { presentInstallation } from "./present-installation";
import { prepareRestored } from "./restored-database";
import { makeStaging, removeLeftStaging } from "./staging";
import { createVolumeImports } from "./volume-imports";

export interface RestoreTarget {
  dataDir: string;
  masterKeyFile: string;
  migrationsDir: string;
  /** Schema changes that this version knows. */
  migrations: number;
  driver: Driver;
  /** Of OpenAgent. */
  version: string;
}

export interface RestoreProgress {
  (progress: { step: "checking" | "writing"; bytes: number; of: number | null }): void;
}

interface RestoreOptions {
  file: string;
  passphrase: string;
  onProgress?: RestoreProgress;
  /** Ends it early, with nothing left. */
  signal?: AbortSignal;
  /** What is there is saved first, under the same passphrase, and then replaced. */
  replace?: { savedTo: string };
}

/** Between SIGTERM and SIGKILL of a container that is replaced. */
const STOP_GRACE_MS = 5_000;

/**
 * Brings back what `makeBackup` wrote, into an empty or unclaimed data directory. The whole archive is read and checked first;
 * then volumes and database are written beside what is there, and put in place at the end. When it throws, nothing is left.
 * @throws BackupError, DataDirectoryInUseError, MasterKeyError or DriverError
 */
export async function restoreBackup(target: RestoreTarget, opts: RestoreOptions): Promise<Complete> {
  const isNew = !existsSync(target.dataDir);
  await mkdir(target.dataDir, { recursive: true, mode: 0o700 });
  const locks: { release(): void }[] = [];
  try {
    locks.push(lockDataDirectory(target.dataDir), takeCopyLock(target.dataDir));
    const present = presentInstallation(target.dataDir);
    if (present.isClaimed && opts.replace === undefined) throw claimed(target.dataDir);
    const complete = await verify(target, opts);
    if (opts.replace === undefined) await requireNoVolumes(target, complete.sessions);
    else await requireVolumesKnown(target, present.sessionIds);
    await removeLeftStaging(target.dataDir, "restore");
    await target.driver.recoverCopies();
    if (opts.replace !== undefined)
      await clear(target, { ...opts, ...opts.replace, isClaimed: present.isClaimed });
    await write(target, { ...opts, complete });
    return complete;
  } catch (error) {
    for (const lock of locks.splice(0)) lock.release();
    if (isNew) await rm(target.dataDir, { recursive: true, force: true });
    throw error;
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** The first reading: nothing is written. */
async function verify(target: RestoreTarget, opts: RestoreOptions): Promise<Complete> {
  return readArchive(opts, {
    onManifest: (manifest) => requireFitting(target, manifest),
    onBytes(bytes) {
      opts.signal?.throwIfAborted();
      opts.onProgress?.({ step: "checking", bytes, of: null });
    },
  });
}

/** The second reading, into volumes of its own and a directory of its own. */
async function write(target: RestoreTarget, opts: RestoreOptions & { complete: Complete }): Promise<void> {
  const staging = await makeStaging(target.dataDir, "restore");
  const imports = createVolumeImports(target.driver);
  try {
    const again = await readArchive(opts, {
      onManifest: (manifest) => requireFitting(target, manifest),
      async onEntry(entry, body) {
        if (entry.place.part === "volume") return imports.add(entry, body);
        await imports.finish();
        await pipeline(body, createWriteStream(join(staging, DATABASE_FILE), { flags: "wx", mode: 0o600 }));
      },
      onBytes(bytes) {
        opts.signal?.throwIfAborted();
        opts.onProgress?.({ step: "writing", bytes, of: opts.complete.bytes });
      },
    });
    await imports.finish();
    prepareRestored({ dir: staging, migrationsDir: target.migrationsDir, sessionIds: again.sessions });
    await putInPlace(target.dataDir, staging);
  } catch (error) {
    await imports.undo();
    throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The one step after which the installation is there. */
async function putInPlace(dataDir: string, staging: string): Promise<void> {
  const handle = await open(join(staging, DATABASE_FILE), "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  // Of an unclaimed database: its log would be taken for the new one's.
  for (const suffix of ["-wal", "-shm"]) await rm(join(dataDir, DATABASE_FILE + suffix), { force: true });
  await rename(join(staging, DATABASE_FILE), join(dataDir, DATABASE_FILE));
  await rm(join(dataDir, "claim-code"), { force: true });
  await syncDirectory(dataDir);
}

/** @throws BackupError `other_version` or `wrong_master_key` */
function requireFitting(target: RestoreTarget, manifest: Manifest): void {
  if (manifest.migrations > target.migrations) {
    throw new BackupError(
      "other_version",
      `The backup was made by a newer version of OpenAgent (${manifest.madeBy}). Update this one first, then restore.`,
      { detail: `${manifest.migrations} schema changes, ${target.migrations} known here` },
    );
  }
  const { masterKeyFile: file } = target;
  if (manifest.masterKeyCheck === null) return;
  const verdict = fitsKeyCheck(file, manifest.masterKeyCheck);
  if (verdict === "fits") return;
  throw new BackupError(
    "wrong_master_key",
    verdict === "missing"
      ? `The master key is not in the backup, and there is none in ${file}. Put the one that was kept apart there (chmod 600), or set OPENAGENT_MASTER_KEY_FILE to where it is, then restore.`
      : `The master key in ${file} is not the one that this backup was made with. Put the right one there (chmod 600), then restore.`,
  );
}

/** Saves what is there, then ends its containers and removes its volumes. */
async function clear(
  target: RestoreTarget,
  opts: { passphrase: string; savedTo: string; isClaimed: boolean },
): Promise<void> {
  const { driver } = target;
  if (opts.isClaimed) await makeBackupUnderLock(target, { file: opts.savedTo, passphrase: opts.passphrase });
  for (const { instanceId } of await driver.list()) await driver.remove(instanceId, STOP_GRACE_MS);
  for (const sessionId of await driver.listVolumes()) await driver.removeVolumes(sessionId);
}

function claimed(dataDir: string): BackupError {
  return new BackupError(
    "not_empty",
    `${dataDir} holds an installation already. Set OPENAGENT_DATA_DIR to an empty directory; or give --replace, which saves the present one first and puts the backup in its place.`,
  );
}

/** @throws BackupError `not_empty` */
async function requireNoVolumes({ driver }: RestoreTarget, sessionIds: readonly string[]): Promise<void> {
  const there = new Set(await driver.listVolumes());
  const taken = sessionIds.filter((id) => there.has(id));
  if (taken.length === 0) return;
  throw new BackupError(
    "not_empty",
    "The engine holds files of these sessions already, under this installation's name. Set OPENAGENT_INSTANCE to another name, such as oa-restored.",
    { detail: taken.join(", ") },
  );
}

/**
 * What is replaced is saved first, and the present database says what that is: files that it does not know would be lost.
 * @throws BackupError `not_empty`
 */
async function requireVolumesKnown({ driver }: RestoreTarget, known: readonly string[]): Promise<void> {
  const unknown = (await driver.listVolumes()).filter((id) => !known.includes(id));
  if (unknown.length === 0) return;
  throw new BackupError(
    "not_empty",
    "The engine holds files of sessions that the present database does not know, so they could not be saved first. Set OPENAGENT_INSTANCE to another name, such as oa-restored; or remove their volumes by hand.",
    { detail: unknown.join(", ") },
  );
}
