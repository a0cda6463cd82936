import { v } from "convex/values";
import type { Doc } from "./_generated/dataModel";
import { query, type QueryCtx } from "./_generated/server";
import { findReadable, requirePerson } from "./model/access";
import { visibleSessions } from "./model/visible";

/** `data`: JSON of the session as the API gives it, save `unread`. */
const sessionView = v.object({ sessionId: v.string(), unread: v.boolean(), data: v.string() });

/** The caller's sessions and those shared with the team, last active first, at most 100. */
export const list = query({
  args: { archived: v.boolean() },
  returns: v.array(sessionView),
  handler: async (ctx, { archived }) => {
    const person = await requirePerson(ctx);
    const sessions = await visibleSessions(ctx, person, { archived });
    return Promise.all(sessions.map((session) => viewOf(ctx, person, session)));
  },
});

/** One session; null when it is gone or not the caller's to see. */
export const get = query({
  args: { sessionId: v.string() },
  returns: v.union(sessionView, v.null()),
  handler: async (ctx, { sessionId }) => {
    const person = await requirePerson(ctx);
    const session = await findReadable(ctx, person, sessionId);
    return session === null ? null : viewOf(ctx, person, session);
  },
});

async function viewOf(ctx: QueryCtx, person: Doc<"people">, session: Doc<"sessions">) {
  const { sessionId, data, lastSeq } = session;
  const read = await ctx.db
    .query("reads")
    .withIndex("by_person", (q) => q.eq("personId", person.personId).eq("sessionId", sessionId))
    .unique();
  return { sessionId, data, unread: lastSeq > (read?.seq ?? 0) };
}
