/**
 * The line of sessions in status `creating` that are not started yet. It is in their rows, so that everybody's place outlives
 * the server; a smaller place is nearer to the head. The log says nothing of it, as it is no part of the work; lists and
 * pages hear of it.
 */
import {
  and,
  asc,
  count,
  eq,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  max,
  sql,
  type SQL,
} from "drizzle-orm";
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
  engine_unreachable: "The server does not reach Docker. This session starts by itself when it does.",
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

export interface WaitingSession {
  id: string;
  /** Smaller is sooner. */
  place: number;
}

/** The next `limit` in line, in order. */
export function nextInLine(store: Store, limit: number): WaitingSession[] {
  return store
    .select({ id: sessions.id, place: sql<number>`${sessions.queuePlace}` })
    .from(sessions)
    .where(waits)
    .orderBy(asc(sessions.queuePlace))
    .limit(limit)
    .all();
}

/** Where places begin of those that go before others: they are below zero, and in order among themselves. */
const BEFORE_OTHERS = -1_000_000_000;

/**
 * Places to be given, each once, so that whoever comes back to the line finds their own.
 * @returns the function that gives one; `first`: before all that were given without it
 */
export function createPlaces(db: Store): (opts: { first: boolean }) => number {
  const last = (condition: SQL, none: number) =>
    db
      .select({ place: max(sessions.queuePlace) })
      .from(sessions)
      .where(condition)
      .get()?.place ?? none;
  let ofFirst = last(lt(sessions.queuePlace, 0), BEFORE_OTHERS);
  let ofOthers = last(gte(sessions.queuePlace, 0), 0);
  return ({ first }) => (first ? (ofFirst += 1) : (ofOthers += 1));
}

/** {@link tellWhatFor} follows. */
export function putInLine(store: Store, { id, place }: WaitingSession): void {
  store.update(sessions).set({ queuePlace: place, queueReason: null }).where(eq(sessions.id, id)).run();
  markWaiting(store);
}

/** For those who do not become another status by it; see `setStatus`. */
export function takeOutOfLine(store: Store, ids: readonly string[]): void {
  if (ids.length === 0) return;
  markWaiting(store);
  store
    .update(sessions)
    .set({ queuePlace: null, queueReason: null })
    .where(inArray(sessions.id, [...ids]))
    .run();
}

/** Writes down what each one in line waits for. @param now `places`: how many more may run */
export function tellWhatFor(store: Store, now: "engine" | { places: number }): void {
  const line = store
    .select({ id: sessions.id, reason: sessions.queueReason })
    .from(sessions)
    .where(waits)
    .orderBy(asc(sessions.queuePlace))
    .all();
  const changed = line.flatMap(({ id, reason }, index) => {
    const is = now === "engine" ? "engine_unreachable" : waitsFor(index, now);
    return is === reason ? [] : [{ id, is }];
  });
  for (const { id, is } of changed)
    store.update(sessions).set({ queueReason: is }).where(eq(sessions.id, id)).run();
  markSessions(store, changed);
}

/** @param index in line, from 0 */
export function waitsFor(index: number, { places }: { places: number }): QueueReason {
  return index < places ? "session_busy" : "session_limit";
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
