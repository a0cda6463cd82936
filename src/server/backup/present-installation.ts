import { existsSync } from "node:fs";
import { join } from "node:path";
import Libsql from "libsql";
import { z } from "zod";
import { DATABASE_FILE } from "../db/database";

/** What a data directory holds before anything is put into it. */
export interface PresentInstallation {
  isClaimed: boolean;
  /** Sessions that its database knows. */
  sessionIds: string[];
}

const ids = z.array(z.object({ id: z.string() }));

/** Looks and changes nothing: a refused restore must leave the schema of an older installation as it is. */
export function presentInstallation(dataDir: string): PresentInstallation {
  const path = join(dataDir, DATABASE_FILE);
  if (!existsSync(path)) return { isClaimed: false, sessionIds: [] };
  const db = new Libsql(path);
  try {
    const tables = ids.parse(db.prepare("select name as id from sqlite_master where type = 'table'").all());
    const has = (table: string) => tables.some(({ id }) => id === table);
    const claims = has("installation")
      ? db.prepare("select name from installation where name = 'claimedAt'").all()
      : [];
    const sessions = has("sessions") ? ids.parse(db.prepare("select id from sessions").all()) : [];
    return { isClaimed: claims.length > 0, sessionIds: sessions.map(({ id }) => id) };
  } finally {
    db.close();
  }
}
