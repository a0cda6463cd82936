"use client";

import Link from "next/link";
import type { ReactNode } from "react";
import type { ModelRef } from "../../../sidecar/src/contract";
import type { ListedProvider } from "../../server/models/models";
import { ComboboxField, type ComboboxItem, ComboboxPopup } from "../_ui/combobox";
import type { PopupState } from "../_ui/use-popup";
import { useCatalog } from "./model-catalog";
import { hasOnlyDemo, modelGroups, type ModelItem } from "./model-choice";

interface ModelPickerProps {
  catalog: readonly ListedProvider[];
  value: ModelRef;
  onChange: (model: ModelRef) => void;
}

/** Searches models by name and provider. */
export function ModelPicker({ catalog, value, onChange }: ModelPickerProps) {
  return (
    <ComboboxField {...choiceOf({ catalog, value, onChange })} label="Model" placeholder={value.modelId} />
  );
}

/** {@link ModelPicker} as the popup of a button. Its caller has loaded the catalogue. */
export function ModelPopup({
  state,
  value,
  onChange,
}: Omit<ModelPickerProps, "catalog"> & { state: PopupState }) {
  const { data: catalog = [] } = useCatalog();
  return <ComboboxPopup {...choiceOf({ catalog, value, onChange })} state={state} />;
}

function choiceOf({ catalog, value, onChange }: ModelPickerProps) {
  const groups = modelGroups(catalog);
  const items = groups.flatMap((group) => group.items);
  return {
    groups,
    value: items.find((item) => isModel(item, value)) ?? null,
    onChange({ value: chosen }: ComboboxItem) {
      const item = items.find((candidate) => candidate.value === chosen);
      if (item !== undefined) onChange(item.model);
    },
    searchLabel: "Search models",
    footer: (
      <Link href="/settings/keys" className="text-accent underline underline-offset-4">
        Add a key or an endpoint
      </Link>
    ),
  };
}

/** Under a picker while only the demo model can be used. */
export function KeyHint({ catalog }: { catalog: readonly ListedProvider[] }): ReactNode {
  if (!hasOnlyDemo(catalog)) return null;
  return (
    <p className="text-small text-muted">
      The demo model follows a script and needs no key. For real work{" "}
      <Link href="/settings/keys" className="text-accent underline underline-offset-4">
        add a key
      </Link>
      .
    </p>
  );
}

function isModel(item: ModelItem, { providerId, modelId }: ModelRef): boolean {
  return item.model.providerId === providerId && item.model.modelId === modelId;
}
