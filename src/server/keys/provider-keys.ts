import { and, asc, eq, inArray } from "drizzle-orm";
import type { ProviderCredential } from "../../../sidecar/src/protocol";
import { mayRun } from "../../roles";
import type { Caller } from "../auth/caller";
import { isoNow, type Clock } from "../clock";
import type { Database, Store } from "../db/database";
import { providerKeys } from "../db/schema";
import type { HostPort } from "../egress/parse-host-port";
import { AppError, notFound } from "../errors";
import { newId } from "../ids";
import type { Catalog } from "../models/catalog";
import { DEMO_PROVIDER_ID } from "../models/demo-provider";
import type { UsableProviders } from "../models/models";
import { checkedEndpoint } from "./endpoint-url";
import { openEnvelope, sealEnvelope, SealError } from "./envelope";
import { providerOf } from "./key-provider";
import { requireRoomForKey, requireRoomForModels } from "./key-room";
import type { MasterKey } from "./master-key";
import { providerKeyContext } from "./sealed-records";

type Row = typeof providerKeys.$inferSelect;

const TEAM = "team";

export interface KeyInput {
  providerId: string;
  key: string;
  scope: "me" | "team";
  /** Makes an OpenAI-compatible endpoint of one's own. */
  baseUrl?: string | undefined;
  name?: string | undefined;
  /** The endpoint's model ids; needed where the catalogue knows none for this provider. */
  models?: string[] | undefined;
}

/** A key as people see it. */
export interface ListedKey {
  id: string;
  providerId: string;
  name: string;
  scope: "me" | "team";
  baseUrl: string | null;
  models: string[] | null;
  /** The key's last characters. */
  hint: string;
  createdAt: string;
  updatedAt: string;
}

/** A stored key as it is used. */
export interface OpenedKey {
  name: string;
  /** null: neither an endpoint of one's own nor in this version's catalogue */
  provider: Omit<ProviderCredential, "key"> | null;
  /** null: it does not decrypt, which is reported */
  key: string | null;
  /** An endpoint of one's own, not a provider of the catalogue. */
  isOwnEndpoint: boolean;
}

export interface ProviderKeys extends UsableProviders {
  /**
   * Stores a key, in the place of the one that this owner had for the provider. Refused beyond what a session can be given.
   * @throws AppError `not_allowed`, `bad_input`, `bad_endpoint`
   */
  upsert(caller: Caller, input: KeyInput): { id: string; providerId: string; hint: string };
  /** The caller's own and the team's. */
  list(caller: Caller): ListedKey[];
  /** @throws AppError `not_found`, for other people's keys too. */
  remove(caller: Caller, id: string): void;
  /**
   * One key, decrypted, for whoever manages it: their own, and the team's for admins.
   * @throws AppError `not_found`, for other people's keys too.
   */
  open(caller: Caller, id: string): OpenedKey;
  /** The person's own key wins over the team's. A key that cannot be decrypted is left out and reported. */
  credentialsFor(userId: string): ProviderCredential[];
}

export interface ProviderKeysDeps {
  db: Database;
  master: MasterKey;
  catalog: Catalog;
  clock: Clock;
  /** Private endpoints that an administrator allowed. */
  allowPrivate: readonly HostPort[];
  /** Told of a stored key that does not decrypt: it was changed in the database, or damaged. */
  onUnreadable?: (key: { id: string; providerId: string; scopeOwner: string }) => void;
}

export function createProviderKeys(deps: ProviderKeysDeps): ProviderKeys {
  return {
    upsert: (caller, input) => upsert(deps, caller, input),
    list: (caller) => rowsOf(deps.db, [caller.userId, TEAM]).map(listed),
    remove(caller, id) {
      const removed = deps.db
        .delete(providerKeys)
        .where(and(eq(providerKeys.id, id), inArray(providerKeys.scopeOwner, managedBy(caller))))
        .returning({ id: providerKeys.id })
        .all();
      if (removed.length === 0) throw notFound("key");
    },
    open(caller, id) {
      const row = rowsOf(deps.db, managedBy(caller)).find((candidate) => candidate.id === id);
      if (row === undefined) throw notFound("key");
      const provider = providerOf(row, deps.catalog);
      return { name: row.name, provider, key: opened(deps, row), isOwnEndpoint: row.baseUrl !== null };
    },
    providersFor: (userId) => winners(deps.db, userId).flatMap((row) => providerOf(row, deps.catalog) ?? []),
    credentialsFor: (userId) => credentialsOf(deps, winners(deps.db, userId)),
  };
}

function upsert(deps: ProviderKeysDeps, caller: Caller, input: KeyInput) {
  const scopeOwner = ownerOf(caller, input.scope);
  const baseUrl = input.baseUrl === undefined ? null : checkedEndpoint(input.baseUrl, deps.allowPrivate);
  if (input.providerId === DEMO_PROVIDER_ID) {
    throw badInput(`The provider "${DEMO_PROVIDER_ID}" needs no key. Give your endpoint another name.`);
  }
  const known = deps.catalog.provider(input.providerId);
  if (baseUrl === null) requireKnown(input, known !== undefined);
  const models = baseUrl === null ? null : (input.models ?? null);
  if (baseUrl !== null && models === null && known === undefined) {
    throw badInput(`Which models does ${baseUrl} serve? Name at least one in "models".`);
  }
  const now = isoNow(deps.clock);
  return deps.db.transaction((tx) => {
    const before = rowsOf(tx, [scopeOwner]);
    const earlier = before.find((row) => row.providerId === input.providerId);
    if (earlier === undefined) requireRoomForKey(before.length);
    const row = {
      id: earlier?.id ?? newId("key"),
      scopeOwner,
      providerId: input.providerId,
      name: input.name ?? known?.name ?? input.providerId,
      baseUrl,
      models,
      hint: hintOf(input.key),
    };
    const stored = {
      ...row,
      sealed: sealEnvelope(deps.master, input.key, providerKeyContext(row)),
      updatedAt: now,
    };
    tx.insert(providerKeys)
      .values({ ...stored, createdAt: now })
      .onConflictDoUpdate({ target: providerKeys.id, set: stored })
      .run();
    requireRoomForModels(credentialsOf(deps, rowsOf(tx, [scopeOwner])), credentialsOf(deps, before));
    return { id: row.id, providerId: row.providerId, hint: row.hint };
  });
}

function requireKnown(input: KeyInput, known: boolean): void {
  if (!known) {
    throw badInput(
      `There is no provider "${input.providerId}". Choose one from models.catalog, or give the base URL of an OpenAI-compatible endpoint.`,
    );
  }
  if (input.models !== undefined) {
    throw badInput(
      `Models are named for an endpoint of your own. Give its "baseUrl" too, or leave "models" out.`,
    );
  }
}

function ownerOf(caller: Caller, scope: KeyInput["scope"]): string {
  if (caller.role === "viewer") {
    throw notAllowed("Viewers run no sessions and store no keys. Ask an admin for the role member.");
  }
  if (scope === "me") return caller.userId;
  if (!mayRun(caller)) {
    throw notAllowed('Keys of the team are set by admins. Store it for yourself with the scope "me".');
  }
  return TEAM;
}

/** Whose keys the caller may test and remove. */
function managedBy(caller: Caller): string[] {
  return mayRun(caller) ? [caller.userId, TEAM] : [caller.userId];
}

function rowsOf(store: Pick<Store, "select">, owners: readonly string[]): Row[] {
  return store
    .select()
    .from(providerKeys)
    .where(inArray(providerKeys.scopeOwner, owners))
    .orderBy(asc(providerKeys.createdAt), asc(providerKeys.id))
    .all();
}

/** One row a provider: the person's own before the team's. */
function winners(db: Database, userId: string): Row[] {
  const rows = rowsOf(db, [userId, TEAM]);
  const mine = new Set(rows.filter((row) => row.scopeOwner === userId).map((row) => row.providerId));
  return rows.filter((row) => row.scopeOwner === userId || !mine.has(row.providerId));
}

function credentialsOf(deps: ProviderKeysDeps, rows: readonly Row[]): ProviderCredential[] {
  return rows.flatMap((row) => {
    const provider = providerOf(row, deps.catalog);
    const key = provider === null ? null : opened(deps, row);
    return provider === null || key === null ? [] : [{ ...provider, key }];
  });
}

function opened(deps: ProviderKeysDeps, row: Row): string | null {
  try {
    return openEnvelope(deps.master, row.sealed, providerKeyContext(row));
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    // One damaged row must not take every other provider, and the demo model, from its owner.
    deps.onUnreadable?.({ id: row.id, providerId: row.providerId, scopeOwner: row.scopeOwner });
    return null;
  }
}

function listed(row: Row): ListedKey {
  const { id, providerId, name, baseUrl, models, hint, createdAt, updatedAt } = row;
  const scope = row.scopeOwner === TEAM ? "team" : "me";
  return { id, providerId, name, scope, baseUrl, models, hint, createdAt, updatedAt };
}

/** Four characters of a key that is long enough to keep the rest secret. */
function hintOf(key: string): string {
  return key.length >= 16 ? `…${key.slice(-4)}` : "…";
}

function badInput(message: string): AppError {
  return new AppError("BAD_REQUEST", "bad_input", message);
}

function notAllowed(message: string): AppError {
  return new AppError("FORBIDDEN", "not_allowed", message);
}
