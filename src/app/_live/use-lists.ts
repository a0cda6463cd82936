import { useMemo } from "react";
import { api } from "../../../convex/_generated/api";
import type { AgentRequest } from "../../server/requests/requests";
import { parseAll } from "../_client/parse-json";
import { parseRequest, parseSession, type SessionSummary } from "./parse-rows";
import { useWatched } from "./use-watched";

export type { SessionSummary } from "./parse-rows";

const NOBODY: ReadonlyMap<string, string> = new Map();
// Function references are made anew at each access.
const sessionsList = api.sessions.list;
const requestsOpen = api.requests.open;
const peopleNames = api.people.names;

/** The caller's sessions and the team's, last active first, at most 100, live. */
export function useSessionList({ archived }: { archived: boolean }): {
  sessions: SessionSummary[] | undefined;
  error: string | null;
} {
  const { value, error } = useWatched(sessionsList, { archived });
  const sessions = useMemo(() => value && parseAll(value, parseSession), [value]);
  return { sessions, error };
}

/** Requests that wait for an answer in sessions that the caller sees, oldest first, live. */
export function useOpenRequests(): AgentRequest[] | undefined {
  const { value } = useWatched(requestsOpen, {});
  return useMemo(() => value && parseAll(value, parseRequest), [value]);
}

/** Names of people by their ids. */
export function usePeopleNames(): ReadonlyMap<string, string> {
  const { value } = useWatched(peopleNames, {});
  return useMemo(() => (value ? new Map(value.map(({ id, name }) => [id, name])) : NOBODY), [value]);
}
