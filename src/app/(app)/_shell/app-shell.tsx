"use client";

import dynamic from "next/dynamic";
import { useState, type ReactNode } from "react";
import type { Me } from "../../_session/session-rights";
import { Toasts } from "../../_ui/toast";
import { NeedsYouMark } from "./needs-you-mark";
import { PhoneBar } from "./phone-bar";
import { type Overlay, ShellContext } from "./shell-context";
import { Sidebar } from "./sidebar";
import { useAppShortcuts } from "./use-app-shortcuts";

// Nobody needs them before they are asked for.
const NewSessionDialog = dynamic(() =>
  import("../_new-session/new-session-dialog").then((module) => module.NewSessionDialog),
);
const Palette = dynamic(() => import("./palette").then((module) => module.Palette));
const KeyboardHelp = dynamic(() => import("./keyboard-help").then((module) => module.KeyboardHelp));

interface AppShellProps {
  me: Me;
  sidebarCollapsed: boolean;
  children: ReactNode;
}

/** Sidebar beside, page in the middle, dialogs over it. */
export function AppShell({ me, sidebarCollapsed, children }: AppShellProps) {
  const [overlay, setOverlay] = useState<Overlay | null>(null);
  const close = () => setOverlay(null);
  useAppShortcuts(setOverlay);
  return (
    <ShellContext value={{ me, open: setOverlay }}>
      <a
        href="#main"
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-md bg-fg px-3 py-2 text-bg focus:translate-y-0"
      >
        To the content
      </a>
      <div className="flex min-h-[calc(100dvh-var(--offline-bar))]">
        <Sidebar initiallyCollapsed={sidebarCollapsed} />
        <div className="flex min-w-0 flex-1 flex-col">
          <PhoneBar />
          <div id="main" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
            {children}
          </div>
        </div>
      </div>
      {overlay === "new-session" && <NewSessionDialog onClose={close} />}
      {overlay === "palette" && <Palette onClose={close} />}
      {overlay === "help" && <KeyboardHelp onClose={close} />}
      <NeedsYouMark />
      <Toasts />
    </ShellContext>
  );
}
