import { ConvexError, type Infer } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type schema from "../schema";

type MirroredEvent = Infer<typeof schema.tables.sessionEvents.validator>;

/** Events kept of each session. Who is further behind reads from the server. */
const KEPT = 1000;
/** Rows taken away for each that is added, at most: more than one, so that what is too many shrinks. */
const TRIMMED_FOR_EACH = 2;
/** Rows read at a time of those to be taken away: events are large at times, and Convex reads 16 MiB in a transaction. */
const READ_AT_ONCE = 8;

/** What one transaction may still take away. */
export interface Room {
  rows: number;
  /** Of events' data; up to three bytes each. */
  characters: number;
}

/** Well within Convex's limits for a transaction that puts a batch as well. */
export function roomToRemove(): Room {
  return { rows: 4000, characters: 2_000_000 };
}

/** So that nothing else waits for it for long. */
export function roomToLetGo(): Room {
  return { rows: 100, characters: 1_000_000 };
}

/** What one read of events carries: rows, and characters after which no more are read. */
const COMPARED = { rows: 200, characters: 1_000_000 };

/** As many as one read may carry, in order; one at least when there is any. */
export async function eventsAfter(
  ctx: QueryCtx,
  sessionId: string,
  afterSeq: number,
): Promise<Doc<"sessionEvents">[]> {
  const found: Doc<"sessionEvents">[] = [];
  let characters = 0;
  while (found.length < COMPARED.rows && characters < COMPARED.characters) {
    const from = found.at(-1)?.seq ?? afterSeq;
    const rows = await ctx.db
      .query("sessionEvents")
      .withIndex("by_seq", (q) => q.eq("sessionId", sessionId).gt("seq", from))
      .take(READ_AT_ONCE);
    found.push(...rows);
    characters += rows.reduce((sum, { data }) => sum + data.length, 0);
    if (rows.length < READ_AT_ONCE) break;
  }
  return found;
}

/** @returns 0 when there is none */
export async function lastSeqOf(ctx: QueryCtx, sessionId: string): Promise<number> {
  const last = await ctx.db
    .query("sessionEvents")
    .withIndex("by_seq", (q) => q.eq("sessionId", sessionId))
    .order("desc")
    .first();
  return last?.seq ?? 0;
}

/**
 * Appends what is new, session by session, and lets go of the oldest. A session that has none here may begin anywhere.
 * @throws ConvexError `gap`
 */
export async function appendEvents(ctx: MutationCtx, events: readonly MirroredEvent[]): Promise<void> {
  const lastSeqs = new Map<string, number>();
  let added = 0;
  for (const event of events) {
    const { sessionId, seq } = event;
    const lastSeq = lastSeqs.get(sessionId) ?? (await lastSeqOf(ctx, sessionId));
    lastSeqs.set(sessionId, Math.max(lastSeq, seq));
    if (seq <= lastSeq) continue;
    if (lastSeq > 0 && seq > lastSeq + 1) throw new ConvexError({ reason: "gap", sessionId, lastSeq });
    await ctx.db.insert("sessionEvents", event);
    added += 1;
  }
  const room = { ...roomToRemove(), rows: added * TRIMMED_FOR_EACH };
  for (const [sessionId, lastSeq] of lastSeqs) {
    if (lastSeq > KEPT) await removeEvents(ctx, { sessionId, upToSeq: lastSeq - KEPT }, room);
  }
}

/**
 * Takes the oldest of a session's events away, as far as there is room.
 * @returns whether none is left up to `upToSeq`
 */
export async function removeEvents(
  ctx: MutationCtx,
  { sessionId, upToSeq }: { sessionId: string; upToSeq: number },
  room: Room,
): Promise<boolean> {
  for (let afterSeq = 0; room.rows > 0 && room.characters > 0;) {
    const most = Math.min(room.rows, READ_AT_ONCE);
    const rows = await ctx.db
      .query("sessionEvents")
      .withIndex("by_seq", (q) => q.eq("sessionId", sessionId).gt("seq", afterSeq).lte("seq", upToSeq))
      .take(most);
    for (const row of rows) {
      await ctx.db.delete(row._id);
      room.rows -= 1;
      room.characters -= row.data.length;
      afterSeq = row.seq;
    }
    if (rows.length < most) return true;
  }
  return false;
}
