import Libsql from "libsql";
import { join } from "node:path";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { BetterSQLiteSession } from "drizzle-orm/better-sqlite3/session";
import { BaseSQLiteDatabase, SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import type { RunResult } from "better-sqlite3";

/** Synchronous on purpose: a transaction is one uninterrupted piece of work of the one process that owns the file. */
export type Database = BaseSQLiteDatabase<"sync", RunResult>;
/** A database or a transaction of it; what stores take. */
export type Store = Pick<Database, "select" | "insert" | "update" | "delete">;

export interface OpenDatabase {
  db: Database;
  /** Whoever opened it closes it. */
  close(): void;
}

/**
 * Statements of hot paths: drizzle makes each anew at every call otherwise, which costs more than running it. A prepared
 * statement runs in whatever transaction its database is in; so give it the database, not the transaction.
 */
export function preparedOnce<Statements>(prepare: (db: Store) => Statements): (db: Store) => Statements {
  const made = new WeakMap<Store, Statements>();
  return (db) => {
    const statements = made.get(db) ?? prepare(db);
    made.set(db, statements);
    return statements;
  };
}

/** In the data directory; SQLite puts its log beside it. */
export const DATABASE_FILE = "openagent.db";

/** The data directory belongs to another running server. */
export class DataDirectoryInUseError extends Error {
  override readonly name = "DataDirectoryInUseError";
}

/**
 * Opens `<dataDir>/openagent.db` (WAL, synchronous=FULL) and brings its schema up to date.
 *
 * libsql speaks better-sqlite3's interface and carries its binary inside the registry package; drizzle's ready-made
 * driver would import better-sqlite3 itself, so its session is put together here.
 * @param opts.lock false for a command that works beside the running server; the server itself is the only one
 * @throws DataDirectoryInUseError when another server holds the directory.
 */
export function openDatabase(opts: { dataDir: string; migrationsDir: string; lock?: boolean }): OpenDatabase {
  const lock = opts.lock === false ? null : lockDataDirectory(opts.dataDir);
  const client = rollingBackOnce(new Libsql(join(opts.dataDir, DATABASE_FILE)));
  client.pragma("journal_mode = WAL");
  client.pragma("synchronous = FULL");
  client.pragma("foreign_keys = ON");
  client.pragma("busy_timeout = 5000");
  const dialect = new SQLiteSyncDialect();
  const session = new BetterSQLiteSession(client as never, dialect, undefined, {});
  const db: Database = new BaseSQLiteDatabase<"sync", RunResult>(
    "sync",
    dialect,
    session as never,
    undefined,
  );
  dialect.migrate(readMigrationFiles({ migrationsFolder: opts.migrationsDir }), session);
  return {
    db,
    close() {
      client.close();
      lock?.release();
    },
  };
}

/**
 * libsql rolls back after every failure in a transaction. After some, such as a full disk, SQLite has done so already and
 * refuses, and that refusal would hide what had failed.
 */
function rollingBackOnce(client: Libsql.Database): Libsql.Database {
  const exec = client.exec.bind(client);
  client.exec = (source) => (source === "ROLLBACK" && !client.inTransaction ? client : exec(source));
  return client;
}

/** What a server holds as long as it runs. @throws DataDirectoryInUseError */
export function lockDataDirectory(dataDir: string): { release(): void } {
  const lock = tryLock(join(dataDir, "server.lock"));
  if (lock !== null) return lock;
  throw new DataDirectoryInUseError(
    `Another OpenAgent server uses ${dataDir}. Stop it with "npm run down", or give this one a directory of its own by OPENAGENT_DATA_DIR.`,
  );
}

/**
 * An exclusive transaction on a file of its own: the kernel drops it with the process, so `kill -9` leaves no stale lock.
 * @returns null when somebody holds it
 */
export function tryLock(file: string): { release(): void } | null {
  const lock = new Libsql(file);
  try {
    lock.pragma("busy_timeout = 0");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return null;
    throw error;
  }
  return {
    release() {
      lock.exec("ROLLBACK");
      lock.close();
    },
  };
}
