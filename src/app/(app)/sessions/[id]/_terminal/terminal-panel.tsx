"use client";

import { useEffect, useEffectEvent, useRef, useState, type ReactNode } from "react";
import { Button } from "../../../../_ui/button";
import { Bar } from "./bar";
import { useRemembered } from "../../../../_client/remembered";
import { TerminalTabs } from "./terminal-tabs";
import { TerminalView } from "./terminal-view";
import { useTerminals } from "./use-terminals";

export interface TerminalPanelProps {
  sessionId: string;
  /** The session runs, and the person may type in it. */
  canOpen: boolean;
  /** Why not: a sentence with the next step. */
  reason: string | null;
  /** The terminal takes the focus when the panel opens: for a panel that a person opened. */
  takesFocus?: boolean;
}

/**
 * A session's terminals in tabs. Load it lazily and in the browser alone: xterm.js comes with it. It fills its parent, and
 * wants a QueryClientProvider above it.
 */
export function TerminalPanel({ sessionId, canOpen, reason, takesFocus = true }: TerminalPanelProps) {
  const { terminals, error, isBusy, ...acts } = useTerminals(sessionId, { enabled: canOpen });
  const [chosen, choose] = useRemembered(() => sessionStorage, `openagent.terminal.${sessionId}`);
  const [readAloud, setReadAloud] = useRemembered(() => localStorage, "openagent.terminal.read-aloud");
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set());
  const [titles, setTitles] = useState<Readonly<Record<string, string>>>({});
  const [closing, setClosing] = useState<string | null>(null);
  const [grabs, setGrabs] = useState(takesFocus);

  const open = terminals ?? [];
  const activeId = open.find(({ id }) => id === chosen)?.id ?? open.at(-1)?.id ?? null;
  const tabs = open.map(({ id, running }, at) => ({
    id,
    running,
    label: titles[id] ? `${at + 1} · ${titles[id]}` : `Terminal ${at + 1}`,
  }));
  const select = (id: string) => {
    // What was looked at stays attached, with more of its output than the server keeps.
    setSeen((ids) => new Set([...ids, id, ...(activeId === null ? [] : [activeId])]));
    choose(id);
  };
  // Failures are shown by the hook's `error`.
  const create = async () => {
    const id = await acts.create().catch(() => null);
    if (id === null) return;
    setGrabs(true);
    select(id);
  };
  const close = async (id: string) => {
    setClosing(null);
    await acts.close(id).catch(() => undefined);
  };
  const restart = async (id: string) => {
    await close(id);
    await create();
  };
  const askToClose = (id: string) => {
    if (open.find((terminal) => terminal.id === id)?.running === false) void close(id);
    else setClosing(id);
  };
  useFirstTerminal(canOpen && terminals?.length === 0, create);

  if (!canOpen && open.length === 0) {
    return <Empty>{reason ?? "There is no terminal to open here."}</Empty>;
  }
  return (
    <section aria-label="Terminal" className="flex h-full min-h-0 min-w-0 flex-col bg-bg">
      <TerminalTabs
        tabs={tabs}
        activeId={activeId}
        isBusy={isBusy || !canOpen}
        isReadAloud={readAloud === "on"}
        onSelect={select}
        onNew={() => void create()}
        onClose={askToClose}
        onReadAloud={() => setReadAloud(readAloud === "on" ? null : "on")}
      />
      {tabs
        .filter(({ id }) => id === activeId || seen.has(id))
        .map(({ id, label }) => (
          <TerminalView
            key={id}
            terminalId={id}
            label={label}
            isShown={id === activeId}
            takesFocus={grabs}
            isReadAloud={readAloud === "on"}
            onTitle={(title) => setTitles((all) => ({ ...all, [id]: title }))}
            onEnd={() => void acts.refresh()}
            onRestart={() => void restart(id)}
            onClose={() => void close(id)}
          />
        ))}
      {activeId === null && (
        <Empty>
          {terminals === undefined || isBusy ? (
            "Looking for terminals…"
          ) : (
            <>
              <span>A terminal is a shell in the session&apos;s container, beside the agent.</span>
              <Button kind="plain" onClick={() => void create()}>
                Open a terminal
              </Button>
            </>
          )}
        </Empty>
      )}
      {closing !== null && tabs.some(({ id }) => id === closing) && (
        <Bar
          isUrgent
          actions={[
            { label: "Close it", run: () => void close(closing) },
            { label: "Cancel", run: () => setClosing(null) },
          ]}
        >
          Close <bdi>{tabs.find(({ id }) => id === closing)?.label}</bdi>? What runs in it ends, for
          everybody.
        </Bar>
      )}
      {!canOpen && reason !== null && <Bar>{reason}</Bar>}
      {canOpen && error !== null && (
        <Bar isUrgent actions={[{ label: "Try again", run: () => void acts.retry() }]}>
          {error}
        </Bar>
      )}
    </section>
  );
}

/** Whoever opens the panel wants a shell. Once: who closes the last one wants none. */
function useFirstTerminal(isWanted: boolean, create: () => Promise<void>) {
  const isDone = useRef(false);
  const start = useEffectEvent(() => void create());
  useEffect(() => {
    if (!isWanted || isDone.current) return;
    isDone.current = true;
    start();
  }, [isWanted]);
}

function Empty({ children }: { children: ReactNode }) {
  return (
    <div
      role="status"
      className="flex min-h-0 flex-1 flex-col items-center justify-center gap-3 p-6 text-center text-muted"
    >
      {children}
    </div>
  );
}
