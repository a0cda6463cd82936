import { and, asc, eq, gt, lt, lte, max, sql } from "drizzle-orm";
import type { EventType } from "../../../sidecar/src/contract";
import { preparedOnce, type Store } from "../db/database";
import { events, sessions } from "../db/schema";

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
  const statements = readStatements(store);
  const end = statements.end.get({ sessionId, ...range })?.seq ?? null;
  return end === null ? [] : statements.events.all({ sessionId, afterSeq: range.afterSeq, end });
}

/** Seq of a session's last event, 0 before the first; undefined when there is no such session. */
export function lastSeqOf(store: Store, sessionId: string): number | undefined {
  return readStatements(store).lastSeq.get({ sessionId })?.lastSeq;
}

const readStatements = preparedOnce((db) => {
  const given = sql.placeholder;
  const bytes = sql`octet_length(${events.data})`;
  const isSession = eq(events.sessionId, given("sessionId"));
  const isNew = gt(events.seq, given("afterSeq"));
  const next = db
    .select({
      seq: events.seq,
      bytesBefore: sql<number>`sum(${bytes}) over (order by ${events.seq}) - ${bytes}`.as("bytes_before"),
    })
    .from(events)
    .where(and(isSession, isNew))
    .orderBy(asc(events.seq))
    .limit(given("limit"))
    .as("next");
  return {
    lastSeq: db
      .select({ lastSeq: sessions.lastSeq })
      .from(sessions)
      .where(eq(sessions.id, given("sessionId")))
      .prepare(),
    /** The seq of the last event that one read takes. Looks at lengths alone. */
    end: db
      .select({ seq: max(next.seq) })
      .from(next)
      .where(lt(next.bytesBefore, given("maxBytes")))
      .prepare(),
    events: db
      .select({ seq: events.seq, at: events.at, type: events.type, data: events.data })
      .from(events)
      .where(and(isSession, isNew, lte(events.seq, given("end"))))
      .orderBy(asc(events.seq))
      .prepare(),
  };
});
