/** What a database becomes as it is restored: everything that belonged to a machine, a container or a browser is over. */
import { isNull, sql } from "drizzle-orm";
import { systemClock } from "../clock";
import { openDatabase, type Database } from "../db/database";
import {
  apiTokens,
  installation,
  loginSessions,
  outbox,
  registrations,
  sessions,
  snapshots,
  users,
} from "../db/schema";
import { createEventLog } from "../events/event-log";
import { setStatus } from "../sessions/session-store";
import { damaged } from "./backup-error";

/**
 * Checks the database in `dir` and makes it one that a server can start with: sessions are stopped, what their sidecars shared
 * with a server is gone, browsers and tokens are signed out (one that was revoked after the backup would be good again).
 * @param sessionIds those that have volumes
 * @throws BackupError `damaged`
 */
export function prepareRestored(opts: {
  dir: string;
  migrationsDir: string;
  sessionIds: readonly string[];
}): void {
  const { db, close } = openDatabase({ dataDir: opts.dir, migrationsDir: opts.migrationsDir, lock: false });
  try {
    check(db, opts.sessionIds);
    endWhatRan(db);
    signOut(db);
    db.run(sql`pragma wal_checkpoint(truncate)`);
  } finally {
    close();
  }
}

function check(db: Database, sessionIds: readonly string[]): void {
  const answer = db.all<{ quick_check: string }>(sql`pragma quick_check`);
  if (answer.length !== 1 || answer[0]?.quick_check !== "ok") throw damaged("the database is not whole");
  const active = db.all(sql`select name from sqlite_master where type in ('trigger', 'view')`);
  if (active.length > 0) throw damaged("the database holds triggers or views");
  const known = new Set(
    db
      .select({ id: sessions.id })
      .from(sessions)
      .all()
      .map(({ id }) => id),
  );
  const stranger = sessionIds.find((id) => !known.has(id));
  if (stranger !== undefined) throw damaged(`the database does not know ${stranger}`);
}

function endWhatRan(db: Database): void {
  db.update(sessions).set({ instanceId: null, instanceSecrets: null }).run();
  db.delete(registrations).run();
  // Their files are in no backup.
  db.delete(snapshots).run();
  const log = createEventLog({ db, clock: systemClock });
  const ids = db.select({ id: sessions.id }).from(sessions).all();
  for (const { id } of ids)
    log.transaction((tx) => setStatus(tx, id, { status: "stopped", agentState: "asleep" }));
  // The mirror gets everything anew, whatever it holds.
  db.delete(installation)
    .where(sql`${installation.name} = 'mirrorTarget'`)
    .run();
  db.delete(outbox).run();
}

function signOut(db: Database): void {
  const revokedAt = new Date(systemClock.now()).toISOString();
  db.update(loginSessions).set({ revokedAt }).where(isNull(loginSessions.revokedAt)).run();
  db.update(apiTokens).set({ revokedAt }).where(isNull(apiTokens.revokedAt)).run();
  db.update(users)
    .set({ epoch: sql`${users.epoch} + 1` })
    .run();
}
