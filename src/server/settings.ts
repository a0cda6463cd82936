import { z } from "zod";
import type { Database } from "./db/database";
import { installationValue, setInstallationValue } from "./db/installation-value";
import { SESSION_LIMITS } from "./sessions/limits";

/** Minutes without use after which a session is stopped; 0: never. A week at most. */
export const idleStopMinutes = z
  .number()
  .int()
  .min(0)
  .max(7 * 24 * 60);

/** What owners and admins set for the whole installation. A setting that is not there has its default. */
export const installationSettings = z.object({
  idleStopMinutes: idleStopMinutes.default(SESSION_LIMITS.idleStopMinutes),
});
export type InstallationSettings = z.infer<typeof installationSettings>;

export interface Settings {
  get(): InstallationSettings;
  /** Changes those that are given. @returns all of them */
  set(changes: Partial<InstallationSettings>): InstallationSettings;
}

const NAME = "settings";

export function createSettings({ db }: { db: Database }): Settings {
  const get = () => installationSettings.parse(JSON.parse(installationValue(db, NAME) ?? "{}"));
  return {
    get,
    set(changes) {
      const settings = { ...get(), ...changes };
      setInstallationValue(db, NAME, JSON.stringify(settings));
      return settings;
    },
  };
}
