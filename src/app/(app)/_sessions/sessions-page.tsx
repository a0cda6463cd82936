"use client";

import { Play, Plus, Search, ShieldCheck, SquareTerminal } from "lucide-react";
import { useState } from "react";
import { useSessionList } from "../../_live/use-lists";
import { Button } from "../../_ui/button";
import { EmptyState } from "../../_ui/empty-state";
import { TabPanel, Tabs } from "../../_ui/tabs";
import { useShell } from "../_shell/shell-context";
import { ConnectionMark } from "../sessions/[id]/connection-mark";
import { Inbox } from "./inbox";
import { SessionList } from "./session-list";

type Shown = "current" | "archived";

/** What there is, and what waits for somebody. */
export function SessionsPage() {
  const { open } = useShell();
  const [shown, setShown] = useState<Shown>("current");
  const [search, setSearch] = useState("");
  const hasNone = useHasNone();
  return (
    <main className="mx-auto w-full max-w-[880px] px-4 pt-6 pb-16 sm:px-6">
      <div className="mb-4 flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1 className="text-lg font-semibold">Sessions</h1>
        <span className="mr-auto">
          <ConnectionMark onlyTrouble />
        </span>
        {!hasNone && (
          <Button onClick={() => open("new-session")} aria-keyshortcuts="N">
            <Plus size={16} aria-hidden />
            New session
          </Button>
        )}
      </div>
      <Inbox />
      {hasNone ? (
        <FirstSession onStart={() => open("new-session")} />
      ) : (
        <Tabs
          label="Which sessions"
          value={shown}
          onChange={setShown}
          tabs={[
            { value: "current", label: "Current" },
            { value: "archived", label: "Archived" },
          ]}
          actions={<SearchBox value={search} onChange={setSearch} />}
        >
          <TabPanel value="current">
            <SessionList archived={false} search={search} />
          </TabPanel>
          <TabPanel value="archived">
            <SessionList archived search={search} />
          </TabPanel>
        </Tabs>
      )}
    </main>
  );
}

/** Neither current nor archived ones. */
function useHasNone(): boolean {
  const { sessions } = useSessionList({ archived: false });
  const { sessions: archived } = useSessionList({ archived: true });
  return sessions?.length === 0 && archived?.length === 0;
}

function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <label className="relative mb-1 w-40 shrink-0 sm:w-56">
      <span className="sr-only">Search titles</span>
      <Search size={14} aria-hidden className="absolute top-1/2 left-2.5 -translate-y-1/2 text-muted" />
      <input
        type="search"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        placeholder="Search titles"
        maxLength={200}
        className="min-h-8 w-full rounded-md border border-field-line bg-bg pr-2 pl-8 text-base placeholder:text-muted sm:text-sm pointer-coarse:min-h-10"
      />
    </label>
  );
}

const PROMISES = [
  { Icon: Play, text: "Nothing to set up: the demo model shows you around and needs no key." },
  {
    Icon: ShieldCheck,
    text: "It asks before it changes files or runs commands, unless you choose otherwise.",
  },
  { Icon: SquareTerminal, text: "A terminal in the same container is yours, to look and to lend a hand." },
] as const;

function FirstSession({ onStart }: { onStart: () => void }) {
  return (
    <EmptyState
      title="No sessions yet"
      action={
        <Button onClick={onStart} aria-keyshortcuts="N" className="min-h-10">
          <Plus size={16} aria-hidden />
          New session
        </Button>
      }
    >
      <p>
        Say what is to be done, and an agent does it in a container of its own, while you watch or do other
        things.
      </p>
      <ul className="my-4 flex flex-col gap-2.5">
        {PROMISES.map(({ Icon, text }) => (
          <li key={text} className="flex gap-2.5">
            <Icon size={16} aria-hidden className="mt-0.5 shrink-0 text-accent" />
            {text}
          </li>
        ))}
      </ul>
    </EmptyState>
  );
}
