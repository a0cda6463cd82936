"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { DEMO_MODEL } from "../../../_session/model-choice";
import { useCatalog } from "../../../_session/model-catalog";
import { ComboboxField, type ComboboxItem } from "../../../_ui/combobox";
import { Field } from "../../../_ui/field";
import { Form } from "../../../_ui/form";
import { Notice } from "../../../_ui/notice";
import { toast } from "../../../_ui/toast";
import { refreshKeys } from "./key-queries";
import { type KeyScope, ScopeSelect } from "./scope-select";

export function ProviderKeyForm({ onDone }: { onDone: () => void }) {
  const queries = useQueryClient();
  const [provider, setProvider] = useState<ComboboxItem | null>(null);
  const [scope, setScope] = useState<KeyScope>("me");

  async function save(read: (name: string) => string): Promise<void> {
    if (provider === null) throw new Error("Choose the provider that the key is from.");
    await api.keys.upsert.mutate({ providerId: provider.value, key: read("key"), scope });
    await refreshKeys(queries);
    toast(`The key for ${provider.label} is stored.`);
    onDone();
  }

  return (
    <Form action={save} label="Store key" busyLabel="Storing…" onCancel={onDone}>
      <ProviderField value={provider} onChange={setProvider} />
      <Field
        name="key"
        label="Key"
        hint="From the provider's website. It replaces one that you stored before."
        type="password"
        autoComplete="off"
        maxLength={4096}
        mono
        required
      />
      <ScopeSelect value={scope} onChange={setScope} />
    </Form>
  );
}

interface ProviderFieldProps {
  value: ComboboxItem | null;
  onChange: (provider: ComboboxItem) => void;
}

function ProviderField({ value, onChange }: ProviderFieldProps) {
  const { data: catalog, error } = useCatalog();
  if (error !== null) return <Notice>{sentenceOf(error)}</Notice>;
  const items = (catalog ?? [])
    .filter(({ providerId }) => providerId !== DEMO_MODEL.providerId)
    .map(({ providerId, name }) => ({ value: providerId, label: name }));
  return (
    <ComboboxField
      label="Provider"
      value={value}
      groups={[{ label: "Providers", items }]}
      onChange={onChange}
      placeholder="Choose a provider"
      searchLabel="Search providers"
    />
  );
}
