import { procedure, router } from "../builders";
import { installationSettings } from "../../settings";

export const settingsRouter = router({
  /** Everybody lives with them, so everybody may know them. */
  get: procedure({ kind: "person", scope: "sessions:read" }).query(({ ctx }) => ctx.services.settings.get()),

  set: procedure({ kind: "person", scope: "settings", minRole: "admin" })
    .input(installationSettings.partial().strict())
    .mutation(({ ctx, input }) => ctx.services.settings.set(input)),
});
