import { compareValues } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";

/** The most sessions a list holds; older ones are found by search, which the server answers. */
const LISTED = 100;

const SHARED = ["team-read", "team-write"] as const;

/** What this person sees, last active first. Reads no events. */
export async function visibleSessions(
  ctx: QueryCtx,
  person: Doc<"people">,
  { archived }: { archived: boolean },
): Promise<Doc<"sessions">[]> {
  const own = ctx.db
    .query("sessions")
    .withIndex("by_owner", (q) => q.eq("ownerId", person.personId).eq("archived", archived))
    .order("desc")
    .take(LISTED);
  const shared = SHARED.map((visibility) =>
    ctx.db
      .query("sessions")
      .withIndex("by_visibility", (q) => q.eq("visibility", visibility).eq("archived", archived))
      .order("desc")
      .take(LISTED),
  );
  const [mine, ...others] = await Promise.all([own, ...shared]);
  return [...mine, ...others.flat().filter((session) => session.ownerId !== person.personId)]
    .sort((a, b) => compareValues(b.activityAt, a.activityAt))
    .slice(0, LISTED);
}
