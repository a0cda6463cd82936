import { z } from "zod";
import { procedure, router } from "../builders";
import { idInput } from "./page-input";

const operate = procedure({ kind: "person", scope: "settings", minRole: "admin" });

/** Of what browsers watch, for whoever runs the installation; nothing that anybody wrote is in the answers. */
export const mirrorRouter = router({
  compare: operate.query(({ ctx }) => ctx.services.mirror.compare()),
  rebuild: operate
    .input(z.strictObject({ sessionId: idInput.optional() }).prefault({}))
    .mutation(({ ctx, input }) => ctx.services.mirror.rebuild(input.sessionId)),
});
