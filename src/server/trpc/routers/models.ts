import { procedure, router } from "../builders";

const read = procedure({ kind: "person", scope: "sessions:read" });

export const modelsRouter = router({
  catalog: read.query(({ ctx }) => ctx.services.models.catalog(ctx.caller)),
  available: read.query(({ ctx }) => ctx.services.models.available(ctx.caller)),
});
