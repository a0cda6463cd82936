/** The variables of backups; `env.ts` reads them. */
import { resolve } from "node:path";
import { z } from "zod";

const wholeNumber = (least: number, most: number) =>
  z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(least, `must be ${least} to ${most}`)
    .max(most, `must be ${least} to ${most}`);

export const backupVariables = {
  OPENAGENT_BACKUP_DIR: z.string().optional(),
  OPENAGENT_BACKUP_EVERY_MINUTES: wholeNumber(1, 10_080).optional(),
  OPENAGENT_BACKUP_KEEP: wholeNumber(1, 10_000).optional(),
  OPENAGENT_BACKUP_PASSPHRASE: z.string().min(12, "must have at least 12 characters").optional(),
};

export interface BackupSettings {
  /** Absolute. */
  dir: string;
  everyMs: number;
  /** How many are kept. */
  keep: number;
  passphrase: string;
}

const EVERY_MINUTES = 60;
const KEEP = 24;

/** @param opts.refuse says what is missing */
export function backupSettingsOf(
  env: { [Name in keyof typeof backupVariables]?: z.infer<(typeof backupVariables)[Name]> },
  opts: { cwd: string; refuse: (message: string) => never },
): BackupSettings | null {
  const { OPENAGENT_BACKUP_DIR: dir, OPENAGENT_BACKUP_PASSPHRASE: passphrase } = env;
  const { OPENAGENT_BACKUP_EVERY_MINUTES: everyMinutes, OPENAGENT_BACKUP_KEEP: keep } = env;
  if (dir === undefined) {
    if (everyMinutes === undefined && keep === undefined) return null;
    return opts.refuse(
      "OPENAGENT_BACKUP_DIR is missing: it says where the server puts the backups that it makes by itself.",
    );
  }
  if (passphrase === undefined) {
    return opts.refuse(
      "OPENAGENT_BACKUP_PASSPHRASE is missing: the backups in OPENAGENT_BACKUP_DIR are encrypted with it. Keep a copy of it elsewhere.",
    );
  }
  const everyMs = (everyMinutes ?? EVERY_MINUTES) * 60_000;
  return { dir: resolve(opts.cwd, dir), everyMs, keep: keep ?? KEEP, passphrase };
}
