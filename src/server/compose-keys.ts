import type { Clock } from "./clock";
import type { Database } from "./db/database";
import { createServerConnections } from "./egress/server-connections";
import type { Environment } from "./env";
import { createKeyTests, KEY_TEST_DEADLINE_MS, type KeyTests } from "./keys/key-tests";
import { loadMasterKey } from "./keys/load-master-key";
import { holdMasterKey } from "./keys/master-key";
import { createProviderKeys, type ProviderKeys } from "./keys/provider-keys";
import { createMasterKeyRotation, type MasterKeyRotation } from "./keys/rotate-master-key";
import { createSecretBox, type SecretBox } from "./keys/secret-box";
import type { Logger } from "./log";
import type { Catalog } from "./models/catalog";

export interface KeyServices {
  providerKeys: ProviderKeys;
  keyTests: KeyTests;
  masterKey: MasterKeyRotation;
  /** For the secrets of sessions. */
  box: SecretBox;
}

/**
 * Everything that is sealed with the master key. All of it holds the same one, which a rotation changes.
 * @throws MasterKeyError
 */
export function composeKeys(deps: {
  db: Database;
  env: Pick<Environment, "masterKeyFile" | "allowPrivate">;
  catalog: Catalog;
  clock: Clock;
  log: Logger;
}): KeyServices {
  const { db, catalog, clock, log } = deps;
  const { masterKeyFile: file, allowPrivate } = deps.env;
  const master = holdMasterKey(loadMasterKey({ file, db }));
  const providerKeys = createProviderKeys({
    db,
    master,
    catalog,
    clock,
    allowPrivate,
    onUnreadable: (key) => log.error(key, "a stored provider key does not decrypt"),
  });
  const keyTests = createKeyTests({
    keys: providerKeys,
    clock,
    allowPrivate,
    connect: createServerConnections({ allowPrivate, connectTimeoutMs: KEY_TEST_DEADLINE_MS }),
    deadlineMs: KEY_TEST_DEADLINE_MS,
  });
  return {
    providerKeys,
    keyTests,
    masterKey: createMasterKeyRotation({ db, file, master, log }),
    box: createSecretBox(master),
  };
}
