import type { ModelRef } from "../../../sidecar/src/contract";
import type { ProviderCredential } from "../../../sidecar/src/protocol";
import type { Caller } from "../auth/caller";
import { AppError } from "../errors";
import type { Catalog, CatalogModel } from "./catalog";
import { demoCredential } from "./demo-provider";

export interface ListedModel {
  providerId: string;
  modelId: string;
  name: string;
  /** Tokens */
  context: number;
  /** USD per million tokens */
  price: CatalogModel["price"];
  usable: boolean;
  /** Why not, with the next step. */
  why?: string;
}

export interface ListedProvider {
  providerId: string;
  name: string;
  usable: boolean;
  models: ListedModel[];
}

export interface ResolvedModel {
  ref: ModelRef;
  name: string;
  price: CatalogModel["price"];
}

export interface Models {
  /** Every provider and model that there is, those without a key too. */
  catalog(caller: Caller): ListedProvider[];
  /** What the caller can use now. */
  available(caller: Caller): ListedProvider[];
  /**
   * @throws AppError `unknown_model` or `no_key`, with what to do about it.
   */
  resolve(userId: string, model: ModelRef): ResolvedModel;
}

/** What models need of the keys: who may use which provider. */
export interface UsableProviders {
  /** Without the keys themselves: nothing is decrypted. */
  providersFor(userId: string): Omit<ProviderCredential, "key">[];
}

export function createModels(deps: { catalog: Catalog; keys: UsableProviders }): Models {
  const usableBy = (userId: string) => [demoCredential(), ...deps.keys.providersFor(userId)];
  const available = (userId: string) =>
    usableBy(userId).map((provider) => listed(provider, { usable: true }));
  return {
    available: (caller) => available(caller.userId),
    catalog(caller) {
      const usable = available(caller.userId);
      const have = new Set(usable.map((provider) => provider.providerId));
      const others = deps.catalog.providers.filter((provider) => !have.has(provider.id));
      return [
        ...usable,
        ...others.map((provider) => listed({ ...provider, providerId: provider.id }, { usable: false })),
      ];
    },
    resolve(userId, ref) {
      const provider = usableBy(userId).find((candidate) => candidate.providerId === ref.providerId);
      const known = provider ?? deps.catalog.provider(ref.providerId);
      const model = known?.models.find((candidate) => candidate.id === ref.modelId);
      if (known === undefined || model === undefined) throw unknownModel(ref, known);
      if (provider === undefined) throw new AppError("PRECONDITION_FAILED", "no_key", noKey(known.name));
      return {
        ref: { providerId: ref.providerId, modelId: ref.modelId },
        name: model.name,
        price: model.price,
      };
    },
  };
}

function listed(
  provider: { providerId: string; name: string; models: readonly CatalogModel[] },
  { usable }: { usable: boolean },
): ListedProvider {
  return {
    providerId: provider.providerId,
    name: provider.name,
    usable,
    models: provider.models.map((model) => ({
      providerId: provider.providerId,
      modelId: model.id,
      name: model.name,
      context: model.contextTokens,
      price: model.price,
      usable,
      ...(usable ? {} : { why: noKey(provider.name) }),
    })),
  };
}

function noKey(providerName: string): string {
  return `There is no key for ${providerName}. Add one with keys.upsert, or choose the demo model.`;
}

function unknownModel(ref: ModelRef, provider: { name: string } | undefined): AppError {
  return new AppError(
    "BAD_REQUEST",
    "unknown_model",
    provider === undefined
      ? `There is no provider "${ref.providerId}". Choose a model from models.available, or add a key for an endpoint of that name.`
      : `${provider.name} has no model "${ref.modelId}" here. Choose one from models.available.`,
  );
}
