import type { PermissionMode } from "../../../sidecar/src/contract";

/** How much an agent may do before it asks. */
export const PERMISSION_MODES: readonly { value: PermissionMode; label: string; hint: string }[] = [
  { value: "ask", label: "Ask", hint: "Asks before it changes files, runs commands or fetches pages." },
  {
    value: "edits",
    label: "Accept edits",
    hint: "Changes files on its own, and asks before it runs commands or fetches pages.",
  },
  { value: "auto", label: "Auto", hint: "Asks nothing. It still cannot leave its container." },
];

export const AGENTS: readonly { value: "build" | "plan"; label: string; hint: string }[] = [
  { value: "build", label: "Build", hint: "Does the work." },
  { value: "plan", label: "Plan", hint: "Looks and proposes, and changes nothing." },
];
