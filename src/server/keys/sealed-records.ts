/** Everything in the database that the master key seals, and what each record belongs to. A new kind is added to the list. */
import { and, eq, isNotNull } from "drizzle-orm";
import type { Store } from "../db/database";
import { installation, providerKeys, sessions } from "../db/schema";
import { secretContext } from "./secret-box";

export interface SealedRecord {
  id: string;
  sealed: string;
  /** As given to `sealEnvelope`. */
  context: readonly string[];
}

export interface SealedColumn {
  /** For the log. */
  what: string;
  records(store: Pick<Store, "select">): SealedRecord[];
  replace(store: Pick<Store, "update">, id: string, sealed: string): void;
}

/** The base URL belongs to it: whoever can write the database must not be able to send a key elsewhere. */
export function providerKeyContext(
  row: Pick<typeof providerKeys.$inferSelect, "id" | "scopeOwner" | "providerId" | "baseUrl">,
): string[] {
  return ["provider-key", row.scopeOwner, row.providerId, row.id, row.baseUrl ?? ""];
}

/** What the secrets of a session's instance are sealed for. */
export function instanceSecretsOwner(sessionId: string, instanceId: string): string {
  return `instance|${sessionId}|${instanceId}`;
}

const providerKeyColumn: SealedColumn = {
  what: "provider key",
  records: (store) =>
    store
      .select()
      .from(providerKeys)
      .all()
      .map((row) => ({ id: row.id, sealed: row.sealed, context: providerKeyContext(row) })),
  replace(store, id, sealed) {
    store.update(providerKeys).set({ sealed }).where(eq(providerKeys.id, id)).run();
  },
};

const instanceSecretsColumn: SealedColumn = {
  what: "secrets of a session's instance",
  records: (store) =>
    store
      .select({ id: sessions.id, instanceId: sessions.instanceId, sealed: sessions.instanceSecrets })
      .from(sessions)
      .where(and(isNotNull(sessions.instanceId), isNotNull(sessions.instanceSecrets)))
      .all()
      .map(({ id, instanceId, sealed }) => ({
        id,
        sealed: sealed ?? "",
        context: secretContext(instanceSecretsOwner(id, instanceId ?? "")),
      })),
  replace(store, id, sealed) {
    store.update(sessions).set({ instanceSecrets: sealed }).where(eq(sessions.id, id)).run();
  },
};

/** Row of `installation` with the key that signs Convex tokens. */
export const MIRROR_KEY = "mirrorKey";
/** What that key is sealed for. */
export const MIRROR_KEY_OWNER = "mirror-key";

const mirrorKeyColumn: SealedColumn = {
  what: "key of Convex tokens",
  records: (store) =>
    store
      .select()
      .from(installation)
      .where(eq(installation.name, MIRROR_KEY))
      .all()
      .map(({ name, value }) => ({ id: name, sealed: value, context: secretContext(MIRROR_KEY_OWNER) })),
  replace(store, id, sealed) {
    store.update(installation).set({ value: sealed }).where(eq(installation.name, id)).run();
  },
};

export const SEALED_COLUMNS: readonly SealedColumn[] = [
  providerKeyColumn,
  instanceSecretsColumn,
  mirrorKeyColumn,
];
