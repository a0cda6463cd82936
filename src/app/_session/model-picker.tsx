"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import type { ReactNode } from "react";
import type { ModelRef } from "../../../sidecar/src/contract";
import type { ListedProvider } from "../../server/models/models";
import { api } from "../_client/api";
import { Combobox } from "../_ui/combobox";
import { hasOnlyDemo, modelGroups, type ModelItem } from "./model-choice";

const STALE_MS = 30_000;

/** Every model there is, usable or not. */
export function useCatalog() {
  return useQuery({
    queryKey: ["models", "catalog"],
    queryFn: () => api.models.catalog.query(),
    staleTime: STALE_MS,
  });
}

interface ModelPickerProps {
  catalog: readonly ListedProvider[];
  value: ModelRef;
  onChange: (model: ModelRef) => void;
  look?: "field" | "bar";
}

/** Searches models by name and provider. */
export function ModelPicker({ catalog, value, onChange, look = "field" }: ModelPickerProps) {
  const groups = modelGroups(catalog);
  const items = groups.flatMap((group) => group.items);
  return (
    <Combobox
      label="Model"
      look={look}
      groups={groups}
      value={items.find((item) => isModel(item, value)) ?? null}
      onChange={({ value: chosen }) => {
        const item = items.find((candidate) => candidate.value === chosen);
        if (item !== undefined) onChange(item.model);
      }}
      placeholder={value.modelId}
      searchLabel="Search models"
      footer={
        <Link href="/settings/keys" className="text-accent underline underline-offset-4">
          Add a key or an endpoint
        </Link>
      }
    />
  );
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
