/**
 * The one way from Next's code to what main.ts composed. Next compiles pages and routes apart from the server's entry,
 * so the same module has two instances in one process, while `globalThis` is shared. Imports types only: nothing of the
 * server gets into Next's bundles by this file.
 */
import type { AuthSettings } from "./auth/auth-settings";
import type { Services } from "./services";

export interface ServerHandle {
  services: Services;
  authSettings: AuthSettings;
  /** Where people and scripts reach this installation. */
  origin: string;
}

const KEY = Symbol.for("openagent.services");
const holder = globalThis as typeof globalThis & { [KEY]?: ServerHandle };

/** For compose.ts, once. @returns takes it back */
export function provideServer(handle: ServerHandle): () => void {
  holder[KEY] = handle;
  return () => {
    delete holder[KEY];
  };
}

/** @throws Error outside the server's process, as while Next builds */
export function getServer(): ServerHandle {
  const handle = holder[KEY];
  if (handle === undefined)
    throw new Error("The pages run only inside the OpenAgent server: start it with npm run up.");
  return handle;
}
