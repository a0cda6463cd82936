import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../../../_client/api";
import { sentenceOf } from "../../../../_client/sentence-of";

/** Another person's new terminal shows after this; nothing tells of it otherwise. */
const REFRESH_MS = 5_000;

export interface OpenTerminal {
  id: string;
  running: boolean;
}

/** A session's terminals, the same for everybody who may type there. */
export function useTerminals(sessionId: string, opts: { enabled: boolean }) {
  const queryClient = useQueryClient();
  const queryKey = ["terminals", sessionId, useRuns(opts.enabled)];
  const list = useQuery({
    queryKey,
    queryFn: async (): Promise<OpenTerminal[]> => (await api.terminals.list.query({ sessionId })).items,
    enabled: opts.enabled,
    refetchInterval: REFRESH_MS,
    retry: false,
  });
  const refresh = () => queryClient.invalidateQueries({ queryKey });
  const create = useMutation({
    mutationFn: () => api.terminals.create.mutate({ sessionId }),
    onSettled: refresh,
  });
  const close = useMutation({
    mutationFn: (terminalId: string) => api.terminals.close.mutate({ terminalId }),
    onSettled: refresh,
  });
  // A list that is known is good enough while the server is away: each terminal says so itself.
  const failure = create.error ?? close.error ?? (list.data === undefined ? list.error : null);
  return {
    terminals: list.data,
    /** Of the last try; gone with the next. */
    error: failure === null ? null : sentenceOf(failure),
    isBusy: create.isPending || close.isPending,
    create: async () => (await create.mutateAsync()).id,
    close: async (terminalId: string) => {
      await close.mutateAsync(terminalId);
    },
    refresh,
    retry: () => {
      create.reset();
      close.reset();
      return refresh();
    },
  };
}

/** How often the session has come to run: then a new container has its terminals, and they are attached to anew. */
function useRuns(runs: boolean): number {
  const [seen, setSeen] = useState({ runs, count: 0 });
  if (seen.runs !== runs) setSeen({ runs, count: seen.count + (runs ? 1 : 0) });
  return seen.count;
}
