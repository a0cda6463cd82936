import { desc, eq } from "drizzle-orm";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import { notFound } from "../errors";
import { mark } from "../events/outbox";

/**
 * Has the mirror let go of what it has of a session, or of each, and told it again from the log. The marks are durable: a
 * server that runs sees them within a second, one that does not at its next start.
 * @returns how many sessions
 * @throws AppError `not_found`
 */
export function askRebuild(db: Database, sessionId?: string): number {
  return db.transaction((tx) => {
    const rows = tx
      .select({ id: sessions.id })
      .from(sessions)
      .where(sessionId === undefined ? undefined : eq(sessions.id, sessionId))
      .orderBy(desc(sessions.lastActivityAt))
      .all();
    if (sessionId !== undefined && rows.length === 0) throw notFound("session");
    mark(
      tx,
      rows.map(({ id }) => ({ topic: "rebuild", key: id })),
    );
    return rows.length;
  });
}
