import { z } from "zod";
import { procedure, router } from "../builders";

export const storageRouter = router({
  summary: procedure({ kind: "person", scope: "sessions:read" }).query(({ ctx }) =>
    ctx.services.storage.summary(ctx.caller),
  ),

  reclaim: procedure({ kind: "person", scope: "settings", minRole: "admin" })
    .input(z.strictObject({ dryRun: z.boolean().default(true) }).prefault({}))
    .mutation(({ ctx, input }) => ctx.services.storage.reclaim(input)),
});
