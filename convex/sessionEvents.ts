import { v } from "convex/values";
import { query } from "./_generated/server";
import { requireReadable } from "./model/access";

/** The most events a window holds. */
const WINDOW = 100;

/**
 * Events after `afterSeq`, in order. A window that is full is read to its last event and no further, so it never changes
 * again: read on in the next one. It begins later than asked for when the events before are no longer here.
 */
export const window = query({
  args: { sessionId: v.string(), afterSeq: v.number(), limit: v.number() },
  returns: v.array(v.object({ seq: v.number(), at: v.string(), type: v.string(), data: v.string() })),
  handler: async (ctx, { sessionId, afterSeq, limit }) => {
    await requireReadable(ctx, sessionId);
    const rows = await ctx.db
      .query("sessionEvents")
      .withIndex("by_seq", (q) => q.eq("sessionId", sessionId).gt("seq", afterSeq))
      .take(Math.max(1, Math.min(Math.trunc(limit), WINDOW)));
    return rows.map(({ seq, at, type, data }) => ({ seq, at, type, data }));
  },
});
