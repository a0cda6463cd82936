"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue } from "react";
import { api } from "../../_client/api";
import { sentenceOf } from "../../_client/sentence-of";
import { type SessionSummary, useSessionList } from "../../_live/use-lists";
import { Notice } from "../../_ui/notice";
import { SessionRow } from "./session-row";

interface SessionListProps {
  archived: boolean;
  search: string;
}

/** A row a session; a search goes through all there are. */
export function SessionList({ archived, search }: SessionListProps) {
  const { sessions, error } = useFound({ archived, search: useDeferredValue(search.trim()) });
  if (error !== null && sessions === undefined) return <Notice className="mt-4">{error}</Notice>;
  if (sessions === undefined) return <ListSkeleton />;
  if (sessions.length === 0) return <p className="py-4 text-muted">{nothing({ archived, search })}</p>;
  return (
    <ul data-session-list className="divide-y divide-line">
      {sessions.map((session) => (
        <li key={session.id}>
          <SessionRow session={session} />
        </li>
      ))}
    </ul>
  );
}

function useFound({ archived, search }: SessionListProps): {
  sessions: SessionSummary[] | undefined;
  error: string | null;
} {
  const all = useSessionList({ archived });
  const { data, error } = useQuery({
    queryKey: ["sessions", "search", { archived, search }],
    queryFn: () => api.sessions.list.query({ archived, search, limit: 100 }),
    enabled: search !== "",
    placeholderData: keepPreviousData,
  });
  if (search === "") return all;
  return { sessions: data?.items, error: error === null ? null : sentenceOf(error) };
}

function nothing({ archived, search }: SessionListProps): string {
  if (search.trim() !== "") return "No title holds that.";
  return archived
    ? "The archive is empty. A session that is stopped can be put here, files and conversation included."
    : "Nothing here: every session is archived.";
}

function ListSkeleton() {
  return (
    <ul aria-label="Loading" className="divide-y divide-line">
      {["w-2/5", "w-1/3", "w-1/2"].map((width) => (
        <li key={width} className="flex h-[61px] items-center">
          <div aria-hidden className={`h-3 rounded bg-hover ${width}`} />
        </li>
      ))}
    </ul>
  );
}
