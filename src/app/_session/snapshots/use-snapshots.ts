"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { Session } from "../../../server/sessions/session-store";
import type { Snapshot } from "../../../server/snapshots/snapshot-store";
import { api } from "../../_client/api";

/** While one is being made, and else: others make some, too, and a restore does. */
const ASK_AGAIN_MS = { making: 700, else: 3_000 };

export interface SessionSnapshots {
  /** The newest first; undefined: not known yet. */
  items: readonly Snapshot[] | undefined;
  error: unknown;
  /** These reject with what the server refuses. */
  make(name: string): Promise<void>;
  restore(snapshot: Snapshot, as: "in-place" | "new-session"): Promise<Session>;
  remove(snapshot: Snapshot): Promise<void>;
}

export function useSnapshots(sessionId: string): SessionSnapshots {
  const queries = useQueryClient();
  const queryKey = ["snapshots", sessionId];
  const { data, error } = useQuery({
    queryKey,
    queryFn: () => api.snapshots.list.query({ sessionId }),
    refetchOnMount: "always",
    refetchInterval: ({ state }) =>
      ASK_AGAIN_MS[state.data?.items.some((snapshot) => snapshot.state === "making") ? "making" : "else"],
  });
  const refresh = () => queries.invalidateQueries({ queryKey });
  return {
    items: data?.items,
    error,
    async make(name) {
      await api.snapshots.create.mutate({ sessionId, ...(name.trim() === "" ? {} : { name }) });
      await refresh();
    },
    async restore({ id }, as) {
      const session = await api.snapshots.restore.mutate({ id, as });
      await queries.invalidateQueries({ queryKey: ["sessions"] });
      await refresh();
      return session;
    },
    async remove({ id }) {
      await api.snapshots.remove.mutate({ id });
      await refresh();
    },
  };
}
