import { z } from "zod";
import { procedure, router } from "../builders";
import { email, newPassword, personName } from "./account-input";

/** Open by nature: what a stranger needs to find the door, and the door for the first owner. */
export const systemRouter = router({
  info: procedure({ kind: "open" }).query(({ ctx }) => ctx.services.system.info()),

  claim: procedure({ kind: "open" })
    .input(z.object({ code: z.string().min(1).max(40), name: personName, email, password: newPassword }))
    .mutation(({ ctx, input }) => ctx.services.claims.claim({ ...input, ip: ctx.ip })),
});
