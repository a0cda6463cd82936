"use client";

import { PanelLeftClose, PanelLeftOpen, Plus, Search } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { useSessionList } from "../../_live/use-lists";
import { Brand } from "../../_ui/brand";
import { IconButton } from "../../_ui/icon-button";
import { Kbd } from "../../_ui/kbd";
import { AccountButton } from "./account-button";
import { useShell } from "./shell-context";
import { SIDEBAR_COOKIE } from "./sidebar-cookie";
import { SidebarSession } from "./sidebar-session";

const YEAR_SECONDS = 365 * 24 * 60 * 60;

/** From 768 px: the sessions at hand. It folds to a rail, and stays so. */
export function Sidebar({ initiallyCollapsed }: { initiallyCollapsed: boolean }) {
  const [isCollapsed, setCollapsed] = useState(initiallyCollapsed);
  const fold = (collapsed: boolean) => {
    document.cookie = `${SIDEBAR_COOKIE}=${collapsed ? "collapsed" : "open"}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
    setCollapsed(collapsed);
  };
  return (
    <aside
      aria-label="Sidebar"
      className={`sticky top-0 hidden h-[calc(100dvh-var(--offline-bar))] shrink-0 flex-col border-r border-line bg-raised md:flex ${isCollapsed ? "w-12" : "w-60"}`}
    >
      {isCollapsed ? <Rail onUnfold={() => fold(false)} /> : <Full onFold={() => fold(true)} />}
    </aside>
  );
}

function Rail({ onUnfold }: { onUnfold: () => void }) {
  const { open } = useShell();
  return (
    <div className="flex h-full flex-col items-center gap-1 py-2">
      <IconButton label="Show the sidebar" onClick={onUnfold}>
        <PanelLeftOpen size={16} aria-hidden />
      </IconButton>
      <IconButton label="New session" keys={["N"]} onClick={() => open("new-session")}>
        <Plus size={16} aria-hidden />
      </IconButton>
      <IconButton label="Search" keys={["/"]} onClick={() => open("palette")}>
        <Search size={16} aria-hidden />
      </IconButton>
      <div className="mt-auto">
        <AccountButton compact side="top" />
      </div>
    </div>
  );
}

function Full({ onFold }: { onFold: () => void }) {
  const { open } = useShell();
  return (
    <>
      <div className="flex items-center justify-between py-2 pr-2 pl-4">
        <Link href="/" className="flex rounded-md py-1">
          <Brand />
        </Link>
        <IconButton label="Hide the sidebar" onClick={onFold}>
          <PanelLeftClose size={16} aria-hidden />
        </IconButton>
      </div>
      <div className="flex flex-col px-2 pb-2">
        <SidebarButton label="New session" keyCap="N" onClick={() => open("new-session")}>
          <Plus size={16} aria-hidden />
        </SidebarButton>
        <SidebarButton label="Search" keyCap="/" onClick={() => open("palette")}>
          <Search size={16} aria-hidden />
        </SidebarButton>
      </div>
      <SidebarSessions />
      <div className="flex border-t border-line p-2">
        <AccountButton side="top" />
      </div>
    </>
  );
}

function SidebarButton({
  label,
  keyCap,
  onClick,
  children,
}: {
  label: string;
  keyCap: string;
  onClick: () => void;
  children: React.ReactNode;
}) {
  return (
    <button
      type="button"
      onClick={onClick}
      aria-keyshortcuts={keyCap}
      className="flex min-h-8 cursor-pointer items-center gap-2 rounded-md px-2 text-muted hover:bg-hover hover:text-fg pointer-coarse:min-h-10"
    >
      {children}
      <span className="flex-1 text-left">{label}</span>
      <span aria-hidden>
        <Kbd>{keyCap}</Kbd>
      </span>
    </button>
  );
}

function SidebarSessions() {
  const { sessions, error } = useSessionList({ archived: false });
  return (
    <nav aria-label="Sessions" className="min-h-0 flex-1 overflow-y-auto px-2 pb-2">
      {error !== null && sessions === undefined && <p className="px-2 text-small text-danger">{error}</p>}
      {sessions === undefined && error === null && <SidebarSkeleton />}
      {sessions?.length === 0 && <p className="px-2 py-1 text-small text-muted">No sessions yet.</p>}
      <ul>
        {sessions?.map((session) => (
          <li key={session.id}>
            <SidebarSession session={session} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

function SidebarSkeleton() {
  return (
    <div aria-hidden className="flex flex-col">
      {["w-3/4", "w-1/2", "w-2/3"].map((width) => (
        <div key={width} className="flex h-8 items-center px-2">
          <div className={`h-3 rounded bg-hover ${width}`} />
        </div>
      ))}
    </div>
  );
}
