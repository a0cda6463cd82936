import type { Scope } from "../../../../server/trpc/policy";

/** What a token can be limited to, as people say it. */
export const SCOPES: readonly { value: Scope; label: string; hint: string }[] = [
  { value: "sessions:read", label: "Read sessions", hint: "Lists, conversations, events." },
  { value: "sessions:write", label: "Steer sessions", hint: "Create, prompt, answer, stop, delete." },
  { value: "account", label: "Account", hint: "Who you are; your tokens and browsers, to read." },
  { value: "keys", label: "Keys", hint: "Store, test and remove providers' keys." },
  { value: "people", label: "People", hint: "Names and roles, as far as your own role reaches." },
  { value: "settings", label: "Settings", hint: "Of the installation, as far as your role reaches." },
];

/** @returns the scope itself for one that these pages do not know */
export function scopeLabel(scope: string): string {
  return SCOPES.find(({ value }) => value === scope)?.label ?? scope;
}

/** What the example and most scripts need. */
export const USUAL_SCOPES: readonly Scope[] = ["sessions:read", "sessions:write", "account"];
