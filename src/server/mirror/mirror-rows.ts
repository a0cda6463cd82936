/** Rows of the system of record as the mirror has them. */
import { and, eq, isNull } from "drizzle-orm";
import type { Store } from "../db/database";
import { reads, requests, users } from "../db/schema";
import { parseReadKey } from "../events/outbox";
import { requestView } from "../requests/requests";
import { findSession, sessionView } from "../sessions/session-store";
import type { MirrorBatch } from "./mirror-target";

/** @returns null when there is no such person */
export function personRow(store: Store, personId: string): MirrorBatch["people"][number] | null {
  const user = store.select().from(users).where(eq(users.id, personId)).get();
  if (user === undefined) return null;
  return { personId, name: user.name, disabled: user.disabledAt !== null, epoch: user.epoch };
}

/** @returns null when the session is no more */
export function sessionRow(store: Store, sessionId: string): MirrorBatch["sessions"][number] | null {
  const row = findSession(store, sessionId);
  if (row === undefined) return null;
  // What differs from person to person is not of the row: the mirror works it out from `reads`.
  const { unread: _, ...session } = sessionView(store, { userId: row.ownerId }, row);
  return {
    sessionId,
    ownerId: row.ownerId,
    visibility: row.visibility,
    archived: session.archived,
    needsInput: session.needsInput,
    activityAt: row.lastActivityAt,
    lastSeq: row.lastSeq,
    data: JSON.stringify(session),
  };
}

/** @returns null when it no longer waits */
export function requestRow(store: Store, requestId: string): MirrorBatch["requests"][number] | null {
  const row = store
    .select()
    .from(requests)
    .where(and(eq(requests.id, requestId), isNull(requests.closedAt)))
    .get();
  if (row === undefined) return null;
  const { sessionId, openedAt } = row;
  return { requestId, sessionId, openedAt, data: JSON.stringify(requestView(row)) };
}

/** @returns null when nothing is known of it any more */
export function readRow(store: Store, key: string): MirrorBatch["reads"][number] | null {
  const of = parseReadKey(key);
  if (of === null) return null;
  const row = store
    .select({ seq: reads.seq })
    .from(reads)
    .where(and(eq(reads.userId, of.personId), eq(reads.sessionId, of.sessionId)))
    .get();
  return row === undefined ? null : { ...of, seq: row.seq };
}
