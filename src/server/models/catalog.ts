import { z } from "zod";
import type { ProviderCredential } from "../../../sidecar/src/protocol";

const modelEntry = z.object({
  id: z.string().min(1).max(200),
  name: z.string().max(200),
  attachment: z.boolean().default(false),
  reasoning: z.boolean().default(false),
  tool_call: z.boolean().default(false),
  release_date: z.string().optional(),
  limit: z.object({ context: z.number().int().nonnegative(), output: z.number().int().nonnegative() }),
  /** USD per million tokens */
  cost: z
    .object({
      input: z.number().nonnegative(),
      output: z.number().nonnegative(),
      cache_read: z.number().nonnegative().default(0),
      cache_write: z.number().nonnegative().default(0),
    })
    .default({ input: 0, output: 0, cache_read: 0, cache_write: 0 }),
});

/** The shape of https://models.dev/api.json, as far as it is used here. */
export const modelsDev = z.record(
  z.string(),
  z.object({
    id: z.string().min(1).max(100),
    name: z.string().max(200),
    env: z.array(z.string()),
    npm: z.string().max(200),
    api: z.string().optional(),
    models: z.record(z.string(), modelEntry),
  }),
);

export type CatalogModel = ProviderCredential["models"][number];

export interface CatalogProvider {
  id: string;
  name: string;
  /** The package that opencode speaks to it with. */
  npm: string;
  /** Newest first. */
  models: readonly CatalogModel[];
}

export interface Catalog {
  providers: readonly CatalogProvider[];
  provider(id: string): CatalogProvider | undefined;
}

/**
 * @param json parsed JSON in the shape of models.dev
 * @throws ZodError when it has another shape.
 */
export function createCatalog(json: unknown): Catalog {
  const providers = Object.values(modelsDev.parse(json)).map((provider) => ({
    id: provider.id,
    name: provider.name,
    npm: provider.npm,
    models: Object.values(provider.models).map((model) => ({
      id: model.id,
      name: model.name,
      toolCall: model.tool_call,
      reasoning: model.reasoning,
      attachment: model.attachment,
      contextTokens: model.limit.context,
      outputTokens: model.limit.output,
      price: {
        input: model.cost.input,
        output: model.cost.output,
        cacheRead: model.cost.cache_read,
        cacheWrite: model.cost.cache_write,
      },
    })),
  }));
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  return { providers, provider: (id) => byId.get(id) };
}
