"use client";

import { mayRun } from "../../../../roles";
import { Select } from "../../../_ui/select";
import { useShell } from "../../_shell/shell-context";

export type KeyScope = "me" | "team";

const SCOPES: readonly { value: KeyScope; label: string; hint: string }[] = [
  { value: "me", label: "Me", hint: "Your sessions only. Used before a key of the team." },
  { value: "team", label: "The team", hint: "Everybody's sessions, for whoever has no key of their own." },
];

/** Nothing for those whose keys are always their own. */
export function ScopeSelect({ value, onChange }: { value: KeyScope; onChange: (scope: KeyScope) => void }) {
  const { me } = useShell();
  if (!mayRun(me)) return null;
  return <Select label="For" value={value} options={SCOPES} onChange={onChange} />;
}
