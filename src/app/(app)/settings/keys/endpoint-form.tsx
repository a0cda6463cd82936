"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../../_client/api";
import { Field } from "../../../_ui/field";
import { Form } from "../../../_ui/form";
import { TextArea } from "../../../_ui/text-area";
import { toast } from "../../../_ui/toast";
import { endpointInput } from "./endpoint-input";
import { refreshKeys } from "./key-queries";
import { type KeyScope, ScopeSelect } from "./scope-select";

export function EndpointForm({ onDone }: { onDone: () => void }) {
  const queries = useQueryClient();
  const [scope, setScope] = useState<KeyScope>("me");

  async function save(read: (name: string) => string): Promise<void> {
    const input = endpointInput(read);
    await api.keys.upsert.mutate({ ...input, scope });
    await refreshKeys(queries);
    toast(`${input.name} is stored.`);
    onDone();
  }

  return (
    <Form action={save} label="Store endpoint" busyLabel="Storing…" onCancel={onDone}>
      <Field
        name="name"
        label="Name"
        placeholder="Ollama"
        maxLength={64}
        autoComplete="off"
        required
        autoFocus
      />
      <Field
        name="baseUrl"
        label="Base URL"
        hint="Where its API begins; most end in /v1."
        placeholder="https://llm.example.org/v1"
        type="url"
        maxLength={2000}
        autoComplete="off"
        mono
        required
      />
      <TextArea
        name="models"
        label="Models"
        hint="Their names at the endpoint, one a line."
        placeholder={"llama3.3\nqwen3"}
        rows={2}
        mono
        required
      />
      <Field
        name="key"
        label="Key"
        hint="If the endpoint needs none, any word will do."
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
