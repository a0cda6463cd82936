import { z } from "zod";
import { procedure, router } from "../builders";
import { email, newPassword, personName } from "./account-input";

/** What a stranger needs to find the door, and the door for the first owner; how the server is, for who runs it. */
export const systemRouter = router({
  info: procedure({ kind: "open" }).query(({ ctx }) => ctx.services.system.info()),

  health: procedure({ kind: "person", scope: "settings", minRole: "admin" }).query(({ ctx }) =>
    ctx.services.health.report(),
  ),

  claim: procedure({ kind: "open" })
    .input(z.object({ code: z.string().min(1).max(40), name: personName, email, password: newPassword }))
    .mutation(({ ctx, input }) => ctx.services.claims.claim({ ...input, ip: ctx.ip })),
});
