import type { Driver } from "../drivers/driver";
import { tryCopyLock } from "./backup/copy-lock";
import { makeBackup } from "./backup/make-backup";
import { createBackupSchedule } from "./backup/schedule";
import { systemClock } from "./clock";
import type { Environment } from "./env";
import type { Logger } from "./log";

export interface BackupServices {
  /** `ok`, `off`, or a sentence. */
  check(): string;
  start(): void;
  stop(): Promise<void>;
}

/** A session that a backup left paused stands still for no longer than this. */
const RECOVER_EVERY_MS = 30_000;

/** Backups by the clock, and an eye on those that somebody made by hand and that were cut short. */
export function composeBackups(deps: {
  env: Environment;
  driver: Driver;
  log: Logger;
  version: string;
}): BackupServices {
  const { env, driver, log } = deps;
  const { dataDir, backups: settings } = env;
  const source = { dataDir, driver, version: deps.version };
  const schedule =
    settings === null
      ? null
      : createBackupSchedule({
          settings,
          clock: systemClock,
          log,
          make: (file, signal) => makeBackup(source, { file, signal, passphrase: settings.passphrase }),
        });
  let timer: NodeJS.Timeout | undefined;
  let recovering = Promise.resolve();
  const recover = async () => {
    const lock = tryCopyLock(dataDir);
    if (lock === null) return;
    try {
      const sessionIds = await driver.recoverCopies();
      if (sessionIds.length > 0) log.warn({ sessionIds }, "a backup that was cut short had left them paused");
    } catch (err) {
      log.warn({ err }, "could not look for paused sessions; it is tried again");
    } finally {
      lock.release();
    }
  };
  return {
    check: () => schedule?.check() ?? "off",
    start() {
      recovering = recover();
      timer = setInterval(() => {
        recovering = recover();
      }, RECOVER_EVERY_MS);
      schedule?.start();
    },
    async stop() {
      clearInterval(timer);
      await Promise.all([recovering, schedule?.stop()]);
    },
  };
}
