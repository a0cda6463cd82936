import { router } from "./builders";
import { accountRouter } from "./routers/account";
import { convexRouter } from "./routers/convex";
import { keysRouter } from "./routers/keys";
import { mirrorRouter } from "./routers/mirror";
import { modelsRouter } from "./routers/models";
import { promptsRouter } from "./routers/prompts";
import { requestsRouter } from "./routers/requests";
import { sessionsRouter } from "./routers/sessions";
import { settingsRouter } from "./routers/settings";
import { snapshotsRouter } from "./routers/snapshots";
import { storageRouter } from "./routers/storage";
import { systemRouter } from "./routers/system";
import { terminalsRouter } from "./routers/terminals";

/** Every procedure there is, one router a noun. */
export const appRouter = router({
  account: accountRouter,
  convex: convexRouter,
  keys: keysRouter,
  mirror: mirrorRouter,
  models: modelsRouter,
  prompts: promptsRouter,
  requests: requestsRouter,
  sessions: sessionsRouter,
  settings: settingsRouter,
  snapshots: snapshotsRouter,
  storage: storageRouter,
  system: systemRouter,
  terminals: terminalsRouter,
});

export type AppRouter = typeof appRouter;
