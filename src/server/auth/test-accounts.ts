/** For tests: accounts over a real database in a directory of its own, with a clock that the test sets. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ManualClock, manualClock } from "../clock.testing";
import { composeAccounts, type AccountServices } from "../compose-accounts";
import { openDatabase, type Database } from "../db/database";
import type { Role } from "../db/schema";
import { MIGRATIONS_DIR } from "../project";
import { loadAuthSettings, type AuthSettings } from "./auth-settings";

export interface TestAccounts extends AccountServices {
  db: Database;
  dataDir: string;
  authSettings: AuthSettings;
  clock: ManualClock;
  /** A person with the password {@link PASSWORD}. */
  person(name: string, role?: Role): Promise<{ userId: string; email: string }>;
  close(): void;
}

export const PASSWORD = "plum-tree-harbour";

export function openTestAccounts(): TestAccounts {
  const dataDir = mkdtempSync(join(tmpdir(), "oa-accounts-"));
  const clock = manualClock();
  const database = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
  const { db } = database;
  const authSettings = loadAuthSettings(db, { publicUrl: null, identityProviders: [] });
  const accounts = composeAccounts({ db, clock, dataDir, authSettings });
  return {
    ...accounts,
    db,
    dataDir,
    authSettings,
    clock,
    async person(name, role = "member") {
      const email = `${name}@example.test`;
      const { userId } = await accounts.people.create({ email, name, role, password: PASSWORD });
      return { userId, email };
    },
    close() {
      database.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}
