import { ConvexError, type Infer } from "convex/values";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import type schema from "../schema";

type MirroredEvent = Infer<typeof schema.tables.sessionEvents.validator>;

/** Events kept of each session. Who is further behind reads from the server. */
const KEPT = 1000;
/** Rows taken away with one append at most: more than are added, so that the rest shrinks. */
const TRIMMED_AT_ONCE = 500;

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
  for (const event of events) {
    const { sessionId, seq } = event;
    const lastSeq = lastSeqs.get(sessionId) ?? (await lastSeqOf(ctx, sessionId));
    lastSeqs.set(sessionId, Math.max(lastSeq, seq));
    if (seq <= lastSeq) continue;
    if (lastSeq > 0 && seq > lastSeq + 1) throw new ConvexError({ reason: "gap", sessionId, lastSeq });
    await ctx.db.insert("sessionEvents", event);
  }
  for (const [sessionId, lastSeq] of lastSeqs) await trim(ctx, sessionId, lastSeq - KEPT);
}

async function trim(ctx: MutationCtx, sessionId: string, upToSeq: number): Promise<void> {
  if (upToSeq <= 0) return;
  const old = await ctx.db
    .query("sessionEvents")
    .withIndex("by_seq", (q) => q.eq("sessionId", sessionId).lte("seq", upToSeq))
    .take(TRIMMED_AT_ONCE);
  for (const row of old) await ctx.db.delete(row._id);
}
