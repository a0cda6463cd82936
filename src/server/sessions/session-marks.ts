/** What people set on a session beside its work: who sees it, whether it is put away, how far they have read. */
import { and, eq, gte } from "drizzle-orm";
import type { Store } from "../db/database";
import { reads, sessions, type Visibility } from "../db/schema";
import type { LogTransaction } from "../events/event-log";
import { mark, readKey } from "../events/outbox";
import type { SessionRow } from "./session-store";

/** Changes the row and says so in the log. */
export function setTitle(tx: LogTransaction, row: SessionRow, title: string): void {
  tx.store.update(sessions).set({ title }).where(eq(sessions.id, row.id)).run();
  tx.append(row.id, { type: "session.updated", data: { title } });
}

/** Changes the row and says so in the log; nothing when it is so already. */
export function setVisibility(tx: LogTransaction, row: SessionRow, visibility: Visibility): void {
  if (row.visibility === visibility) return;
  tx.store.update(sessions).set({ visibility }).where(eq(sessions.id, row.id)).run();
  tx.append(row.id, { type: "session.updated", data: { visibility } });
}

/**
 * Changes the row and says so in the log; nothing when it is so already.
 * @param archivedAt ISO 8601 UTC; null takes the session out of the archive
 */
export function setArchived(tx: LogTransaction, row: SessionRow, archivedAt: string | null): void {
  const archived = archivedAt !== null;
  if ((row.archivedAt !== null) === archived) return;
  tx.store.update(sessions).set({ archivedAt }).where(eq(sessions.id, row.id)).run();
  tx.append(row.id, { type: "session.updated", data: { archived } });
}

/** Changes the row. The log says nothing of it, as it is no part of the work; lists and pages hear of it. */
export function setIdleStop(
  { store }: Pick<LogTransaction, "store">,
  id: string,
  minutes: number | null,
): void {
  store.update(sessions).set({ idleStopMinutes: minutes }).where(eq(sessions.id, id)).run();
  mark(store, [{ topic: "session", key: id }]);
}

/** As {@link setIdleStop}. @param at ISO 8601 UTC; null: it is not about to be stopped */
export function setStopsAt({ store }: Pick<LogTransaction, "store">, id: string, at: string | null): void {
  store.update(sessions).set({ stopsAt: at }).where(eq(sessions.id, id)).run();
  mark(store, [{ topic: "session", key: id }]);
}

/** What happened since `lastSeq` is no news: who had read everything up to then has read this too. */
export function keepRead({ store }: Pick<LogTransaction, "store">, row: SessionRow, lastSeq: number): void {
  const isReader = and(eq(reads.sessionId, row.id), gte(reads.seq, lastSeq));
  const readers = store.select({ userId: reads.userId }).from(reads).where(isReader).all();
  store.update(reads).set({ seq: row.lastSeq }).where(isReader).run();
  mark(
    store,
    readers.map(({ userId }) => ({ topic: "read" as const, key: readKey(userId, row.id) })),
  );
}

/** Has this person read everything up to the row's last event? */
export function hasRead(store: Store, userId: string, row: SessionRow): boolean {
  const read = store
    .select({ seq: reads.seq })
    .from(reads)
    .where(and(eq(reads.sessionId, row.id), eq(reads.userId, userId)))
    .get();
  return row.lastSeq <= (read?.seq ?? 0);
}

/** Everything up to now counts as read by this person. It is their own matter: the log says nothing of it. */
export function markRead({ store }: Pick<LogTransaction, "store">, userId: string, row: SessionRow): void {
  const seq = row.lastSeq;
  mark(store, [{ topic: "read", key: readKey(userId, row.id) }]);
  store
    .insert(reads)
    .values({ userId, sessionId: row.id, seq })
    .onConflictDoUpdate({ target: [reads.userId, reads.sessionId], set: { seq } })
    .run();
}
