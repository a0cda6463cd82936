"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { ListedKey } from "../../../../server/keys/provider-keys";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { ConfirmDialog } from "../../../_ui/confirm-dialog";
import { EmptyState } from "../../../_ui/empty-state";
import { Notice } from "../../../_ui/notice";
import { Spinner } from "../../../_ui/spinner";
import { KEYS_KEY, refreshKeys } from "./key-queries";
import { KeyRow } from "./key-row";

export function KeyList() {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<ListedKey | null>(null);
  const { data, error } = useQuery({ queryKey: KEYS_KEY, queryFn: () => api.keys.list.query() });
  if (error !== null) return <Notice>{sentenceOf(error)}</Notice>;
  if (data === undefined) return <Spinner label="Loading…" />;
  if (data.items.length === 0)
    return (
      <EmptyState title="No keys yet">
        <p>
          Add a key of a provider such as Anthropic or OpenAI, or an endpoint that you run yourself. Its
          models can then be chosen in every session.
        </p>
        <p className="mt-2">Until then there is the demo model, which needs no key.</p>
      </EmptyState>
    );
  return (
    <>
      <ul className="divide-y divide-line">
        {data.items.map((key) => (
          <li key={key.id}>
            <KeyRow listed={key} onRemove={() => setAsked(key)} />
          </li>
        ))}
      </ul>
      <ConfirmDialog
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={`Remove the key for ${asked?.name ?? ""}?`}
        goes={[
          asked?.scope === "team"
            ? "Nobody's sessions can use this provider with the team's key any more."
            : "Your sessions can no longer use this provider with your key.",
          "The key itself is deleted here; at the provider it stays valid.",
        ]}
        label="Remove key"
        busyLabel="Removing…"
        onConfirm={async () => {
          if (asked !== null) await api.keys.remove.mutate({ id: asked.id });
          await refreshKeys(queries);
        }}
      />
    </>
  );
}
