import { compareValues, v } from "convex/values";
import { query } from "./_generated/server";
import { requirePerson } from "./model/access";
import { visibleSessions } from "./model/visible";

/** The most requests of one session that a list holds. */
const LISTED = 20;

/** Requests that wait for an answer in the sessions the caller sees, oldest first. `data`: JSON as the API gives them. */
export const open = query({
  args: {},
  returns: v.array(v.object({ requestId: v.string(), sessionId: v.string(), data: v.string() })),
  handler: async (ctx) => {
    const person = await requirePerson(ctx);
    const sessions = await visibleSessions(ctx, person, { archived: false });
    const waiting = sessions.filter((session) => session.needsInput);
    const lists = await Promise.all(
      waiting.map(({ sessionId }) =>
        ctx.db
          .query("requests")
          .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
          .take(LISTED),
      ),
    );
    return lists
      .flat()
      .sort((a, b) => compareValues(a.openedAt, b.openedAt))
      .map(({ requestId, sessionId, data }) => ({ requestId, sessionId, data }));
  },
});
