"use client";

import { useState } from "react";
import type { Scope } from "../../../../server/trpc/policy";
import { api } from "../../../_client/api";
import { Dialog } from "../../../_ui/dialog";
import { Field } from "../../../_ui/field";
import { Form } from "../../../_ui/form";
import { Select } from "../../../_ui/select";
import { SCOPES, USUAL_SCOPES } from "./scopes";

interface NewTokenDialogProps {
  open: boolean;
  onClose: () => void;
  onCreated: (token: string) => void;
}

type Days = "7" | "30" | "90" | "365";

const DAYS: readonly { value: Days; label: string }[] = [
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "365 days" },
];

export function NewTokenDialog({ open, onClose, onCreated }: NewTokenDialogProps) {
  return (
    <Dialog open={open} onOpenChange={onClose} title="New token">
      <TokenForm onClose={onClose} onCreated={onCreated} />
    </Dialog>
  );
}

function TokenForm({ onClose, onCreated }: Omit<NewTokenDialogProps, "open">) {
  const [scopes, setScopes] = useState<readonly Scope[]>(USUAL_SCOPES);
  const [days, setDays] = useState<Days>("90");

  async function create(read: (name: string) => string): Promise<void> {
    if (scopes.length === 0) throw new Error("Choose at least one scope: without any it could do nothing.");
    const { token } = await api.account.tokens.create.mutate({
      name: read("name"),
      scopes: [...scopes],
      days: Number(days),
    });
    onCreated(token);
  }

  return (
    <Form action={create} label="Create token" busyLabel="Creating…" onCancel={onClose}>
      <Field
        name="name"
        label="What is it for?"
        placeholder="laptop"
        maxLength={100}
        autoComplete="off"
        required
        autoFocus
      />
      <Scopes value={scopes} onChange={setScopes} />
      <Select label="Expires after" value={days} options={DAYS} onChange={setDays} />
    </Form>
  );
}

function Scopes({ value, onChange }: { value: readonly Scope[]; onChange: (scopes: Scope[]) => void }) {
  return (
    <fieldset>
      <legend className="mb-1 font-medium">What it may do</legend>
      {SCOPES.map((scope) => (
        <label
          key={scope.value}
          className="flex cursor-pointer items-start gap-2 py-1 pointer-coarse:min-h-10"
        >
          <input
            type="checkbox"
            checked={value.includes(scope.value)}
            onChange={(event) =>
              onChange(
                event.target.checked
                  ? [...value, scope.value]
                  : value.filter((chosen) => chosen !== scope.value),
              )
            }
            className="mt-0.5 size-4 shrink-0 accent-accent"
          />
          <span>
            {scope.label} <span className="text-small text-muted">{scope.hint}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
