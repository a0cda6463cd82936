import { and, asc, between, eq, gt, lt, max, sql } from "drizzle-orm";
import type { EventType } from "../../../sidecar/src/contract";
import type { Store } from "../db/database";
import { events } from "../db/schema";

/** An event as it lies in the log; `data` is JSON. */
export interface StoredEvent {
  seq: number;
  at: string;
  type: EventType;
  data: string;
}

/**
 * Events after `afterSeq` in order: at most `limit`, and none after the one that reaches `maxBytes` of data, so that there
 * is one at least when there is any.
 */
export function readStored(
  store: Store,
  sessionId: string,
  range: { afterSeq: number; limit: number; maxBytes: number },
): StoredEvent[] {
  const end = endOfRead(store, sessionId, range);
  if (end === null) return [];
  return store
    .select({ seq: events.seq, at: events.at, type: events.type, data: events.data })
    .from(events)
    .where(and(eq(events.sessionId, sessionId), between(events.seq, range.afterSeq + 1, end)))
    .orderBy(asc(events.seq))
    .all();
}

/** @returns the seq of the last event that one read takes; null when there is none. Looks at lengths alone. */
function endOfRead(
  store: Store,
  sessionId: string,
  { afterSeq, limit, maxBytes }: { afterSeq: number; limit: number; maxBytes: number },
): number | null {
  const bytes = sql`octet_length(${events.data})`;
  const next = store
    .select({
      seq: events.seq,
      bytesBefore: sql<number>`sum(${bytes}) over (order by ${events.seq}) - ${bytes}`.as("bytes_before"),
    })
    .from(events)
    .where(and(eq(events.sessionId, sessionId), gt(events.seq, afterSeq)))
    .orderBy(asc(events.seq))
    .limit(limit)
    .as("next");
  return (
    store
      .select({ seq: max(next.seq) })
      .from(next)
      .where(lt(next.bytesBefore, maxBytes))
      .get()?.seq ?? null
  );
}
