"use client";

import { Autocomplete } from "@base-ui/react/autocomplete";
import { Dialog } from "@base-ui/react/dialog";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useDeferredValue, useState } from "react";
import { api } from "../../_client/api";
import { type SessionSummary, useSessionList } from "../../_live/use-lists";
import { sessionState } from "../../_session/session-state";
import { setTheme } from "../../_theme/use-theme";
import { Kbd } from "../../_ui/kbd";
import { withoutReordering } from "../../_ui/shown-text";
import { useSignOut } from "./account-menu";
import { useShell } from "./shell-context";

interface Entry {
  id: string;
  label: string;
  aside?: string;
  keyCap?: string;
  run: () => void;
}

interface EntryGroup {
  label: string;
  items: Entry[];
}

/** Sessions at rest that are listed before anything is typed. */
const RECENT = 6;

/** Finds a session or a command by typing, and goes there. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const groups = useEntries(query);
  return (
    <Dialog.Root open onOpenChange={onClose}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-shade" />
        <Dialog.Popup
          aria-label="Search"
          className="fixed inset-x-2 top-[8vh] z-40 mx-auto flex max-h-[min(480px,80dvh)] max-w-[560px] flex-col overflow-hidden rounded-xl border border-line bg-bg shadow-xl"
        >
          <Autocomplete.Root
            open
            inline
            items={groups}
            filter={null}
            value={query}
            onValueChange={(value, { reason }) => reason !== "item-press" && setQuery(value)}
            itemToStringValue={(entry: Entry) => entry.label}
            autoHighlight="always"
            keepHighlight
          >
            <Autocomplete.Input
              aria-label="Search sessions and commands"
              placeholder="Search sessions and commands"
              className="min-h-11 w-full border-b border-line bg-transparent px-4 text-base outline-none placeholder:text-muted sm:text-sm"
            />
            <Dialog.Close className="sr-only">Close</Dialog.Close>
            <Autocomplete.Empty className="px-4 py-3 text-muted empty:hidden">
              Nothing matches.
            </Autocomplete.Empty>
            <Autocomplete.List className="min-h-0 overflow-y-auto p-1 empty:p-0">
              {(group: EntryGroup) => <Entries key={group.label} group={group} onClose={onClose} />}
            </Autocomplete.List>
          </Autocomplete.Root>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Entries({ group, onClose }: { group: EntryGroup; onClose: () => void }) {
  return (
    <Autocomplete.Group items={group.items}>
      <Autocomplete.GroupLabel className="px-3 pt-2 pb-1 text-small text-muted">
        {group.label}
      </Autocomplete.GroupLabel>
      <Autocomplete.Collection>
        {(entry: Entry) => (
          <Autocomplete.Item
            key={entry.id}
            value={entry}
            onClick={() => {
              onClose();
              entry.run();
            }}
            className="flex min-h-8 cursor-pointer items-center gap-3 rounded-md px-3 outline-none select-none data-highlighted:bg-hover pointer-coarse:min-h-10"
          >
            <bdi className="min-w-0 flex-1 truncate">{entry.label}</bdi>
            {entry.aside !== undefined && <span className="text-small text-muted">{entry.aside}</span>}
            {entry.keyCap !== undefined && <Kbd>{entry.keyCap}</Kbd>}
          </Autocomplete.Item>
        )}
      </Autocomplete.Collection>
    </Autocomplete.Group>
  );
}

function useEntries(query: string): EntryGroup[] {
  const router = useRouter();
  const sessions = useFoundSessions(useDeferredValue(query.trim()));
  const commands = useCommands().filter(({ label }) => holds(label, query.trim()));
  const entries = sessions.map((session) => ({
    id: session.id,
    label: withoutReordering(session.title),
    aside: sessionState(session).word,
    run: () => router.push(`/sessions/${session.id}`),
  }));
  return [
    { label: "Sessions", items: entries },
    { label: "Commands", items: commands },
  ].filter((group) => group.items.length > 0);
}

/** The server looks through all there are; until it answers, the ones at hand are looked through. */
function useFoundSessions(query: string): SessionSummary[] {
  const { sessions = [] } = useSessionList({ archived: false });
  const { data } = useQuery({
    queryKey: ["sessions", "search", query],
    queryFn: () => api.sessions.list.query({ search: query, limit: 20 }),
    enabled: query !== "",
    placeholderData: keepPreviousData,
  });
  if (query === "") return sessions.slice(0, RECENT);
  return data?.items ?? sessions.filter(({ title }) => holds(title, query));
}

function useCommands(): Entry[] {
  const router = useRouter();
  const { open } = useShell();
  const signOutHere = useSignOut();
  return [
    { id: "new", label: "New session", keyCap: "N", run: () => open("new-session") },
    { id: "all", label: "All sessions", run: () => router.push("/") },
    { id: "inbox", label: "Inbox", aside: "G I", run: () => router.push("/#inbox") },
    { id: "profile", label: "Settings: profile", run: () => router.push("/settings") },
    { id: "keys", label: "Settings: keys", run: () => router.push("/settings/keys") },
    { id: "tokens", label: "Settings: tokens", run: () => router.push("/settings/tokens") },
    { id: "light", label: "Theme: light", run: () => setTheme("light") },
    { id: "dark", label: "Theme: dark", run: () => setTheme("dark") },
    { id: "system", label: "Theme: system", run: () => setTheme("system") },
    { id: "help", label: "Keyboard", keyCap: "?", run: () => open("help") },
    { id: "leave", label: "Sign out", run: signOutHere },
  ];
}

function holds(text: string, query: string): boolean {
  return text.normalize("NFC").toLowerCase().includes(query.normalize("NFC").toLowerCase());
}
