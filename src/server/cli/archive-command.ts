/** What `npm run backup` and `npm run restore` have in common. */
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { DriverError } from "../../drivers/driver";
import { BackupError } from "../backup/backup-error";
import { DataDirectoryInUseError } from "../db/database";
import { EnvironmentError, type Environment } from "../env";
import { MasterKeyError } from "../keys/master-key";
import { MIGRATIONS_DIR } from "../project";
import { UsageError } from "./command-line";
import { askHidden } from "./hidden-question";

export interface ArchiveCommand {
  /** Absolute; null asks for help. */
  file: string | null;
  passphraseFrom: "stdin" | "elsewhere";
  replace: boolean;
}

/** @throws UsageError */
export function parseArchiveCommand(
  args: readonly string[],
  opts: { cwd: string; takesReplace: boolean },
): ArchiveCommand {
  const { positionals, values } = split(args);
  const [file, ...more] = positionals;
  if (values.help || file === undefined) return { file: null, passphraseFrom: "elsewhere", replace: false };
  if (more.length > 0) throw new UsageError(`Name one file; "${more.join(" ")}" is too much.`);
  if (values.replace && !opts.takesReplace)
    throw new UsageError("A backup replaces nothing: --replace is for restore.");
  const passphraseFrom = values["passphrase-stdin"] ? "stdin" : "elsewhere";
  return { file: resolve(opts.cwd, file), passphraseFrom, replace: values.replace ?? false };
}

function split(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "passphrase-stdin": { type: "boolean" },
        replace: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** From standard input, the environment, or the keyboard. @throws UsageError when none of them gives one */
export async function passphraseOf(
  command: ArchiveCommand,
  env: Environment,
  questions: readonly string[],
): Promise<string> {
  if (command.passphraseFrom === "stdin") return (await text(process.stdin)).replace(/\r?\n$/, "");
  if (env.backupPassphrase !== null) return env.backupPassphrase;
  if (!process.stdin.isTTY)
    throw new UsageError(
      "There is no passphrase. Set OPENAGENT_BACKUP_PASSPHRASE, or give --passphrase-stdin and write it there.",
    );
  const answers: string[] = [];
  for (const question of questions) answers.push(await askHidden(question));
  if (answers.some((answer) => answer !== answers[0]))
    throw new UsageError("The two passphrases differ, so nothing was done. Try again.");
  return answers[0] ?? "";
}

export function migrationsKnown(): { migrationsDir: string; migrations: number } {
  const { length } = readMigrationFiles({ migrationsFolder: MIGRATIONS_DIR });
  return { migrationsDir: MIGRATIONS_DIR, migrations: length };
}

/** Tells on standard error how far it is, no oftener than once a second. */
export function createProgress(): (line: () => string) => void {
  let toldAt = performance.now();
  return (line) => {
    if (performance.now() - toldAt < 1_000) return;
    toldAt = performance.now();
    say(line());
  };
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/** Ends early by Ctrl-C or SIGTERM, in order: sessions go on and nothing half-done stays. */
export function interruption(): AbortSignal {
  const abort = new AbortController();
  const reason = new UsageError("It was broken off; nothing was left behind.");
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort(reason));
  return abort.signal;
}

export function runArchiveCommand(usage: string, main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    if (error instanceof UsageError) say(`${error.message}\n\n${usage}`);
    else say(explain(error));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  });
}

function explain(error: unknown): string {
  if (error instanceof BackupError || error instanceof DriverError)
    return error.detail ? `${error.detail}\n${error.message}` : error.message;
  if (
    error instanceof EnvironmentError ||
    error instanceof DataDirectoryInUseError ||
    error instanceof MasterKeyError
  )
    return error.message;
  if (error instanceof Error && "code" in error) {
    const path = "path" in error && typeof error.path === "string" ? error.path : "the file";
    switch (error.code) {
      case "ENOENT":
        return `${path} is not there. Look whether its name is right.`;
      case "EACCES":
        return `${path} may not be read or written by this user. Run it as the server's user.`;
      case "ENOSPC":
        return "The disk is full, so nothing was kept. Free some space, then try again.";
    }
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
