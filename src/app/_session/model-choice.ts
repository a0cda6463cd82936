import type { ModelRef } from "../../../sidecar/src/contract";
import type { ListedModel, ListedProvider } from "../../server/models/models";
import type { ComboboxGroup, ComboboxItem } from "../_ui/combobox";

export const DEMO_MODEL: ModelRef = { providerId: "demo", modelId: "demo-1" };

/** A model's place in a list. */
export interface ModelItem extends ComboboxItem {
  model: ModelRef;
}

/** Providers with their models, those that can be used first; the others say what is missing. */
export function modelGroups(catalog: readonly ListedProvider[]): (ComboboxGroup & { items: ModelItem[] })[] {
  const usableFirst = [...catalog].sort((a, b) => Number(b.usable) - Number(a.usable));
  return usableFirst.map((provider) => ({
    label: provider.name,
    why: provider.usable ? undefined : "no key yet",
    items: provider.models.map((model) => modelItem(model)),
  }));
}

function modelItem(model: ListedModel): ModelItem {
  return {
    value: `${model.providerId}/${model.modelId}`,
    label: model.name,
    aside: `${tokens(model.context)} · ${price(model.price)}`,
    disabled: !model.usable,
    model: { providerId: model.providerId, modelId: model.modelId },
  };
}

/**
 * What is chosen before anybody chooses: what was used last where it can be used, else a model for which somebody added
 * a key, else the demo model.
 */
export function presetModel(catalog: readonly ListedProvider[], last: ModelRef | null): ModelRef {
  const usable = catalog.filter((provider) => provider.usable);
  const hasLast =
    last !== null &&
    usable.some(({ models }) =>
      models.some((model) => model.providerId === last.providerId && model.modelId === last.modelId),
    );
  if (hasLast) return last;
  const first = usable.find((provider) => provider.providerId !== DEMO_MODEL.providerId)?.models[0];
  return first === undefined ? DEMO_MODEL : { providerId: first.providerId, modelId: first.modelId };
}

/** Is the demo model all there is? */
export function hasOnlyDemo(catalog: readonly ListedProvider[]): boolean {
  return catalog.every((provider) => !provider.usable || provider.providerId === DEMO_MODEL.providerId);
}

/** Of a context window: `200k`, `1M`. */
function tokens(count: number): string {
  if (count >= 1_000_000) return `${Number((count / 1_000_000).toFixed(1))}M`;
  return count >= 1_000 ? `${Math.round(count / 1_000)}k` : String(count);
}

/** USD per million tokens, in and out. */
function price({ input, output }: ListedModel["price"]): string {
  return input === 0 && output === 0 ? "free" : `$${input} in, $${output} out`;
}
