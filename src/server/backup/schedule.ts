/** Backups that the server makes by itself. */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DriverError } from "../../drivers/driver";
import type { Clock } from "../clock";
import type { Logger } from "../log";
import { BackupError } from "./backup-error";
import type { BackupSettings } from "./backup-settings";

const LOOK_IN_LOG = "The server's log has the cause.";

export interface BackupSchedule {
  /** `ok`, or a sentence that says what is wrong and what to do. */
  check(): string;
  /** Begins to make backups: the first when the youngest one in the directory is old enough. */
  start(): void;
  /** Breaks off the one that is being made. */
  stop(): Promise<void>;
}

const FILE = /^openagent-\d{8}T\d{6}Z\.tar\.age$/;
/** A backup that is so many times its period late is a finding. */
const LATE = 2;
/** After a failure, unless the next one is due earlier. */
const RETRY_MS = 60_000;

interface Deps {
  settings: BackupSettings;
  clock: Clock;
  log: Logger;
  /** Writes one to the file. */
  make(
    file: string,
    signal: AbortSignal,
  ): Promise<{ fileBytes: number; leftOut: string[]; withoutFiles: string[] }>;
}

export function createBackupSchedule(deps: Deps): BackupSchedule {
  const { settings, clock, log } = deps;
  const { dir, everyMs } = settings;
  const state = { lastAt: null as number | null, since: clock.now(), failure: null as string | null };
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const stopping = new AbortController();

  const makeOne = async () => {
    const startedAt = clock.monotonicNow();
    const at = clock.now();
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const name = fileName(at);
      const { fileBytes, leftOut, withoutFiles } = await deps.make(join(dir, name), stopping.signal);
      state.lastAt = at;
      state.failure = null;
      const ms = Math.round(clock.monotonicNow() - startedAt);
      log.info({ ms, fileBytes, leftOut: leftOut.length, withoutFiles: withoutFiles.length }, "backup made");
      await removeOld(settings, name);
    } catch (err) {
      if (stopping.signal.aborted) return;
      // Anybody may read it: what no code of ours worded may hold paths.
      state.failure = err instanceof BackupError || err instanceof DriverError ? err.message : LOOK_IN_LOG;
      log.error({ err }, "the backup could not be made; it is tried again");
    }
  };
  const next = (inMs: number) => {
    if (stopping.signal.aborted) return;
    timer = setTimeout(() => {
      running = makeOne().then(() =>
        next(state.failure === null ? untilDue(state.lastAt) : Math.min(RETRY_MS, everyMs)),
      );
    }, inMs);
  };
  const untilDue = (lastAt: number | null) =>
    lastAt === null ? 0 : Math.min(Math.max(lastAt + everyMs - clock.now(), 0), everyMs);

  return {
    check() {
      if (state.failure !== null) return `The last backup could not be made. ${state.failure}`;
      if (clock.now() - (state.lastAt ?? state.since) <= LATE * everyMs) return "ok";
      return `The last backup is older than it should be. Look in the server's log why, and whether OPENAGENT_BACKUP_DIR takes files.`;
    },
    start() {
      running = youngest(dir).then(
        (at) => {
          state.lastAt = at;
          next(untilDue(at));
        },
        (err: unknown) => {
          log.error({ err }, "the directory of backups cannot be read");
          next(0);
        },
      );
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
      clearTimeout(timer);
    },
  };
}

/** Sorts by time; `.tar.age`: the age tool opens it, and a tar is in it. */
function fileName(atMs: number): string {
  const time = new Date(atMs)
    .toISOString()
    .replace(/[-:]/g, "")
    .replace(/\.\d+Z$/, "Z");
  return `openagent-${time}.tar.age`;
}

async function backupsIn(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => FILE.test(name)).sort();
}

async function youngest(dir: string): Promise<number | null> {
  const name = (await backupsIn(dir)).at(-1);
  return name === undefined ? null : (await stat(join(dir, name))).mtimeMs;
}

/** Only once a new one is there whole, and only what this schedule wrote. The new one stays, also where others have later dates. */
async function removeOld({ dir, keep }: BackupSettings, made: string): Promise<void> {
  const others = (await backupsIn(dir)).filter((name) => name !== made);
  const old = others.slice(0, Math.max(0, others.length - (keep - 1)));
  try {
    for (const name of old) await rm(join(dir, name), { force: true });
  } catch (cause) {
    throw new BackupError(
      "bad_file",
      `The backup was made, but older ones in ${dir} could not be removed. Let the server's user write there.`,
      { cause },
    );
  }
}
