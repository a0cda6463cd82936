import { v } from "convex/values";
import { query } from "./_generated/server";
import { requirePerson } from "./model/access";

/** The most people a list holds. */
const LISTED = 1000;

/** Who is who, for messages and answers that carry ids alone. */
export const names = query({
  args: {},
  returns: v.array(v.object({ id: v.string(), name: v.string() })),
  handler: async (ctx) => {
    await requirePerson(ctx);
    const people = await ctx.db.query("people").take(LISTED);
    return people.map(({ personId, name }) => ({ id: personId, name }));
  },
});
