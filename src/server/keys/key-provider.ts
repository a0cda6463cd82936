import type { ProviderCredential } from "../../../sidecar/src/protocol";
import type { providerKeys } from "../db/schema";
import type { Catalog, CatalogModel } from "../models/catalog";
import { OPENAI_COMPATIBLE_NPM, PROVIDER_AUTH } from "../models/provider-auth";

type Row = Pick<typeof providerKeys.$inferSelect, "providerId" | "name" | "baseUrl" | "models">;

/**
 * What a stored key opens, without the key.
 * @returns null for a provider that this version's catalogue does not know
 */
export function providerOf(row: Row, catalog: Catalog): Omit<ProviderCredential, "key"> | null {
  const known = catalog.provider(row.providerId);
  if (row.baseUrl !== null) {
    return {
      providerId: row.providerId,
      name: row.name,
      npm: OPENAI_COMPATIBLE_NPM,
      baseUrl: row.baseUrl,
      auth: { kind: "bearer" },
      models: row.models?.map(unpricedModel) ?? [...(known?.models ?? [])],
    };
  }
  const auth = PROVIDER_AUTH[row.providerId];
  if (known === undefined || auth === undefined) return null;
  return { providerId: known.id, name: row.name, npm: known.npm, ...auth, models: [...known.models] };
}

/** Of an endpoint of one's own nothing is known but the model's name; what it costs is between its owner and it. */
function unpricedModel(id: string): CatalogModel {
  return {
    id,
    name: id,
    toolCall: true,
    reasoning: false,
    attachment: false,
    contextTokens: 128_000,
    outputTokens: 8_192,
    price: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  };
}
