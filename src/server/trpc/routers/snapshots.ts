import { z } from "zod";
import { procedure, router } from "../builders";
import { idInput } from "./page-input";
import { textInput } from "./text-input";

const read = procedure({ kind: "person", scope: "sessions:read" });
const write = procedure({ kind: "person", scope: "sessions:write" });
const byId = z.strictObject({ id: idInput });
const bySession = z.strictObject({ sessionId: idInput });

const name = textInput.trim().min(1, "A name needs at least one character.").max(100);

export const snapshotsRouter = router({
  create: write
    .input(bySession.extend({ name: name.optional() }))
    .mutation(({ ctx, input }) => ctx.services.snapshots.create(ctx.caller, input)),

  /** All of a session: there are few. */
  list: read.input(bySession).query(({ ctx, input }) => ({
    items: ctx.services.snapshots.list(ctx.caller, input.sessionId),
    nextCursor: null,
  })),

  restore: write
    .input(byId.extend({ as: z.enum(["in-place", "new-session"]) }))
    .mutation(({ ctx, input }) => ctx.services.snapshots.restore(ctx.caller, input)),

  remove: write.input(byId).mutation(async ({ ctx, input }) => {
    await ctx.services.snapshots.remove(ctx.caller, input.id);
    return { id: input.id };
  }),
});
