/** What the mirror has still to be told, as durable marks made in the transaction of the change itself. */
import { and, asc, count, eq, gt, inArray, sql } from "drizzle-orm";
import type { EventType } from "../../../sidecar/src/contract";
import { preparedOnce, type Store } from "../db/database";
import { outbox, type OutboxTopic } from "../db/schema";

export interface Mark {
  topic: OutboxTopic;
  /** Id of the session, request or person; of a read {@link readKey}. */
  key: string;
}

export function markName({ topic, key }: Mark): string {
  return `${topic} ${key}`;
}

/** A mark as it is kept. */
export type StoredMark = Mark & { id: number };

/**
 * Types that say nothing a list of sessions shows. They come in floods: with them a list would be made anew twenty times a
 * second while text streams.
 */
const UNLISTED: ReadonlySet<EventType> = new Set<EventType>([
  "prompt.edited",
  "prompt.moved",
  "message.started",
  "message.ended",
  "part.started",
  "part.delta",
  "part.ended",
  "tool.input",
  "tool.output",
  "tool.ended",
  "changes.updated",
  "todo.updated",
  "child.started",
  "child.ended",
  "usage.updated",
]);

/** Which rows an event changes for those who watch. */
export function marksOf(sessionId: string, event: { type: EventType; data: unknown }): Mark[] {
  const marks: Mark[] = [{ topic: "events", key: sessionId }];
  if (!UNLISTED.has(event.type)) marks.push({ topic: "session", key: sessionId });
  if (event.type === "request.opened" || event.type === "request.closed") {
    const { data } = event;
    if (typeof data === "object" && data !== null && "requestId" in data)
      marks.push({ topic: "request", key: String(data.requestId) });
  }
  return marks;
}

/** In the transaction of the change. A mark that waits already becomes the youngest. */
export function mark(store: Store, marks: Iterable<Mark>): void {
  const { forget, add } = markStatements(store);
  for (const made of marks) {
    forget.run({ ...made });
    add.run({ ...made });
  }
}

const markStatements = preparedOnce((db) => {
  const [topic, key] = [sql.placeholder("topic"), sql.placeholder("key")];
  return {
    forget: db
      .delete(outbox)
      .where(and(eq(outbox.topic, topic), eq(outbox.key, key)))
      .prepare(),
    add: db.insert(outbox).values({ topic, key }).prepare(),
    after: db
      .select()
      .from(outbox)
      .where(gt(outbox.id, sql.placeholder("afterId")))
      .orderBy(asc(outbox.id))
      .limit(sql.placeholder("limit"))
      .prepare(),
  };
});

export function readKey(personId: string, sessionId: string): string {
  return `${personId} ${sessionId}`;
}

/** @returns null for what {@link readKey} did not make */
export function parseReadKey(key: string): { personId: string; sessionId: string } | null {
  const [personId, sessionId] = key.split(" ");
  return personId && sessionId ? { personId, sessionId } : null;
}

/** Marks made after `afterId`, the oldest first. */
export function marksAfter(store: Store, afterId: number, limit: number): StoredMark[] {
  return markStatements(store).after.all({ afterId, limit });
}

/** How many marks were made after `afterId`, those of `known` left out: names as {@link markName} gives them. */
export function countMarksAfter(store: Store, afterId: number, known: Iterable<string>): number {
  const isNew = gt(outbox.id, afterId);
  const isKnown = sql`${outbox.topic} || ' ' || ${outbox.key} in (select value from json_each(${JSON.stringify([...known])}))`;
  return (
    store
      .select({ marks: count() })
      .from(outbox)
      .where(and(isNew, sql`not ${isKnown}`))
      .get()?.marks ?? 0
  );
}

/** Forgets marks that were told; one made again meanwhile has another id and stays. */
export function clearMarks(store: Store, ids: readonly number[]): void {
  if (ids.length > 0)
    store
      .delete(outbox)
      .where(inArray(outbox.id, [...ids]))
      .run();
}
