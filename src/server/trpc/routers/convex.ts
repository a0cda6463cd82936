import { procedure, router } from "../builders";

const read = procedure({ kind: "person", scope: "sessions:read" });

/** The way to what is watched live; what is watched there, a Convex client asks of Convex itself. */
export const convexRouter = router({
  token: read.query(({ ctx }) => ctx.services.liveAccess.token(ctx.caller)),
  config: read.query(({ ctx }) => ctx.services.liveAccess.config()),
});
