"use client";

import { createContext, useContext } from "react";
import type { Me } from "../../_session/session-rights";

export type Overlay = "new-session" | "palette" | "help";

/** What the pages inside the shell share. */
export interface Shell {
  me: Me;
  /** One overlay at a time. */
  open(overlay: Overlay): void;
}

export const ShellContext = createContext<Shell | null>(null);

/** @throws Error outside of the shell */
export function useShell(): Shell {
  const shell = useContext(ShellContext);
  if (shell === null) throw new Error("useShell is used outside of AppShell.");
  return shell;
}
