import type { AccountServices } from "./compose-accounts";
import type { Health } from "./health/health";
import type { KeyTests } from "./keys/key-tests";
import type { ProviderKeys } from "./keys/provider-keys";
import type { MasterKeyRotation } from "./keys/rotate-master-key";
import type { LiveAccess } from "./mirror/live-access";
import type { MirrorRepair } from "./mirror/mirror-repair";
import type { Models } from "./models/models";
import type { Requests } from "./requests/requests";
import type { Prompts } from "./sessions/prompts";
import type { Sessions } from "./sessions/sessions";
import type { Settings } from "./settings";
import type { Snapshots } from "./snapshots/snapshots";
import type { Storage } from "./storage/storage";
import type { System } from "./system";
import type { Terminals } from "./terminal/terminals";

/** What routers and pages call. Built by compose.ts alone. */
export interface Services extends AccountServices {
  system: System;
  health: Health;
  keys: ProviderKeys;
  keyTests: KeyTests;
  masterKey: MasterKeyRotation;
  liveAccess: LiveAccess;
  mirror: MirrorRepair;
  models: Models;
  sessions: Sessions;
  settings: Settings;
  snapshots: Snapshots;
  storage: Storage;
  prompts: Prompts;
  requests: Requests;
  terminals: Terminals;
}
