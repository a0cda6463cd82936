/**
 * The line of sessions in status `creating` that are not started yet. It is in their rows, so that everybody's place outlives
 * the server; a smaller place is nearer to the head. The log says nothing of it, as it is no part of the work; lists and
 * pages hear of it.
 */
import { and, asc, count, eq, inArray, isNotNull, isNull, lte, max, min, ne, or } from "drizzle-orm";
import type { Failure } from "../../../sidecar/src/contract";
import type { Store } from "../db/database";
import { type QueueReason, sessions } from "../db/schema";
import { mark } from "../events/outbox";
import { LIVE_STATUSES } from "./decisions";

/** Where a session is in the line, and what it waits for. */
export interface Queue {
  /** 1: it is next. */
  position: number;
  reason: Failure;
}

const WAITS_FOR: Readonly<Record<QueueReason, string>> = {
  session_limit:
    "As many sessions run as this installation allows at a time. This one starts by itself when its turn comes; stopping another one makes room.",
  session_busy: "Other sessions are being started. This one starts by itself in a moment.",
  engine_unreachable: "Docker does not answer. This session starts by itself when it does.",
};

const waits = isNotNull(sessions.queuePlace);

/** @returns null when it does not wait */
export function queueOf(
  store: Store,
  row: { queuePlace: number | null; queueReason: QueueReason | null },
): Queue | null {
  if (row.queuePlace === null) return null;
  const code = row.queueReason ?? "session_busy";
  const position = countWhere(store, lte(sessions.queuePlace, row.queuePlace));
  return { position, reason: { code, message: WAITS_FOR[code] } };
}

export function countWaiting(store: Store): number {
  return countWhere(store, waits);
}

/** Sessions that have a container, or for which one is being made. */
export function countRunning(store: Store): number {
  return countWhere(store, and(inArray(sessions.status, LIVE_STATUSES), isNull(sessions.queuePlace)));
}

/** Ids of the next `limit` in line, in order. */
export function nextInLine(store: Store, limit: number): string[] {
  const query = store
    .select({ id: sessions.id })
    .from(sessions)
    .where(waits)
    .orderBy(asc(sessions.queuePlace));
  return query
    .limit(limit)
    .all()
    .map(({ id }) => id);
}

/** @param opts.first before all others */
export function putInLine(
  store: Store,
  id: string,
  { first, reason }: { first: boolean; reason: QueueReason },
): void {
  const ends = store
    .select({ first: min(sessions.queuePlace), last: max(sessions.queuePlace) })
    .from(sessions)
    .get();
  const queuePlace = first ? (ends?.first ?? 1) - 1 : (ends?.last ?? 0) + 1;
  store.update(sessions).set({ queuePlace, queueReason: reason }).where(eq(sessions.id, id)).run();
  if (first) markWaiting(store);
}

export function takeOutOfLine(store: Store, ids: readonly string[]): void {
  if (ids.length === 0) return;
  markWaiting(store);
  store
    .update(sessions)
    .set({ queuePlace: null, queueReason: null })
    .where(inArray(sessions.id, [...ids]))
    .run();
}

/** Everybody in line waits for this from now on. */
export function setQueueReason(store: Store, reason: QueueReason): void {
  const isOther = or(isNull(sessions.queueReason), ne(sessions.queueReason, reason));
  const changed = store
    .update(sessions)
    .set({ queueReason: reason })
    .where(and(waits, isOther))
    .returning({ id: sessions.id })
    .all();
  markSessions(store, changed);
}

function markWaiting(store: Store): void {
  markSessions(store, store.select({ id: sessions.id }).from(sessions).where(waits).all());
}

function markSessions(store: Store, rows: readonly { id: string }[]): void {
  mark(
    store,
    rows.map(({ id }) => ({ topic: "session" as const, key: id })),
  );
}

function countWhere(store: Store, condition: ReturnType<typeof and>): number {
  return store.select({ n: count() }).from(sessions).where(condition).get()?.n ?? 0;
}
