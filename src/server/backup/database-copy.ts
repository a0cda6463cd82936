/** A copy of the database that is consistent while the server writes, made off the event loop. */
import Libsql from "libsql/promise";

const BUSY_MS = 10_000;

export interface DatabaseCopy {
  /** Sessions that it knows; `hasFiles`: its container was registered once, so there are volumes. */
  readonly sessions: readonly { id: string; hasFiles: boolean }[];
  readonly migrations: number;
  readonly masterKeyCheck: string | null;
  /**
   * Brings one session's rows to what the database holds now; to be called while the session's files stand still. What the log
   * has not yet is then in the files' spool, and comes from there.
   * @returns false when the session is gone by now: then it is gone from the copy, too
   */
  catchUp(sessionId: string): Promise<boolean>;
  /** Ends the copy; the file is whole then. */
  close(): Promise<void>;
}

/** @param opts.to a file that does not exist yet; whoever called removes it */
export async function copyDatabase(opts: { from: string; to: string }): Promise<DatabaseCopy> {
  const original = new Libsql(opts.from, {});
  try {
    await original.exec(`PRAGMA busy_timeout = ${BUSY_MS}; VACUUM INTO ${quoted(opts.to)}`);
  } finally {
    original.close();
  }
  const copy = new Libsql(opts.to, {});
  try {
    await copy.exec(
      `PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA foreign_keys = OFF; ATTACH DATABASE ${quoted(opts.from)} AS live`,
    );
    return await openCopy(copy);
  } catch (error) {
    copy.close();
    throw error;
  }
}

async function openCopy(copy: Libsql): Promise<DatabaseCopy> {
  const sessions = await rows<{ id: string; epoch: number }>(
    copy,
    "SELECT id, epoch FROM main.sessions ORDER BY last_activity_at DESC",
  );
  const [made] = await rows<{ n: number }>(copy, "SELECT count(*) AS n FROM main.__drizzle_migrations");
  const [check] = await rows<{ value: string }>(
    copy,
    "SELECT value FROM main.installation WHERE name = 'masterKeyCheck'",
  );
  const tables = await rows<{ name: string }>(
    copy,
    `SELECT m.name FROM main.sqlite_master m JOIN pragma_table_info(m.name) c
     WHERE m.type = 'table' AND c.name = 'session_id' AND m.name <> 'events' ORDER BY m.name`,
  );
  return {
    sessions: sessions.map(({ id, epoch }) => ({ id, hasFiles: epoch > 0 })),
    migrations: made?.n ?? 0,
    masterKeyCheck: check?.value ?? null,
    async catchUp(sessionId) {
      await copy.exec("BEGIN");
      try {
        const isThere = await catchUp(copy, { sessionId, tables: tables.map(({ name }) => name) });
        await copy.exec("COMMIT");
        return isThere;
      } catch (error) {
        await copy.exec("ROLLBACK");
        throw error;
      }
    },
    async close() {
      await copy.exec("DETACH DATABASE live");
      copy.close();
    },
  };
}

/** Both databases are read in one transaction: all rows are of one moment. */
async function catchUp(copy: Libsql, opts: { sessionId: string; tables: string[] }): Promise<boolean> {
  const { sessionId, tables } = opts;
  const there = await rows(copy, "SELECT 1 FROM live.sessions WHERE id = ?", sessionId);
  await run(copy, "DELETE FROM main.sessions WHERE id = ?", sessionId);
  await run(copy, "INSERT INTO main.sessions SELECT * FROM live.sessions WHERE id = ?", sessionId);
  for (const table of tables) {
    await run(copy, `DELETE FROM main."${table}" WHERE session_id = ?`, sessionId);
    await run(
      copy,
      `INSERT INTO main."${table}" SELECT * FROM live."${table}" WHERE session_id = ?`,
      sessionId,
    );
  }
  if (there.length === 0) {
    await run(copy, "DELETE FROM main.events WHERE session_id = ?", sessionId);
    return false;
  }
  // The log only grows: what is there already need not be read again.
  await run(
    copy,
    `INSERT INTO main.events SELECT * FROM live.events WHERE session_id = ?1
     AND seq > (SELECT coalesce(max(seq), 0) FROM main.events WHERE session_id = ?1)`,
    sessionId,
  );
  return true;
}

/** What libsql's own types leave open. */
interface Statement {
  run(...values: string[]): unknown;
  all(...values: string[]): Promise<unknown[]>;
}

async function run(db: Libsql, sql: string, ...values: string[]): Promise<void> {
  const statement = (await db.prepare(sql)) as Statement;
  await statement.run(...values);
}

async function rows<Row>(db: Libsql, sql: string, ...values: string[]): Promise<Row[]> {
  const statement = (await db.prepare(sql)) as Statement;
  return (await statement.all(...values)) as Row[];
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
