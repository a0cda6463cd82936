"use client";

import { useQueryClient } from "@tanstack/react-query";
import { api } from "../_client/api";
import { sentenceOf } from "../_client/sentence-of";
import { toast } from "../_ui/toast";
import type { SessionSummary } from "../_live/use-lists";

type Named = Pick<SessionSummary, "id" | "title">;

/** What a person does to a session from wherever it is shown. Lists that poll are told; live ones see it by themselves. */
export interface SessionActions {
  /** @throws what the server refuses, for the form that asked */
  rename(session: Named, title: string): Promise<void>;
  /** @throws what the server refuses, for the dialog that asked */
  remove(session: Named): Promise<void>;
  /** @throws as {@link rename} @param minutes null: as the installation says; 0: never */
  setIdleStop(session: Named, minutes: number | null): Promise<void>;
  /** These say at the window's edge what they did or why not. */
  archive(session: Named, archived: boolean): Promise<void>;
  stop(session: Named): Promise<void>;
  resume(session: Named): Promise<void>;
  /** A new container of the session image in force. */
  rebuild(session: Named): Promise<void>;
}

export function useSessionActions(): SessionActions {
  const queries = useQueryClient();
  const refresh = () => queries.invalidateQueries({ queryKey: ["sessions"] });
  const told = async (act: () => Promise<unknown>, done?: () => void) => {
    try {
      await act();
      done?.();
    } catch (cause) {
      toast(sentenceOf(cause));
    }
    await refresh();
  };
  const archive = (session: Named, archived: boolean): Promise<void> =>
    told(
      () => api.sessions.archive.mutate({ id: session.id, archived }),
      () =>
        toast(`“${session.title}” is ${archived ? "archived" : "back in the list"}.`, {
          label: "Undo",
          onUndo: () => void archive(session, !archived),
        }),
    );
  return {
    archive,
    async rename({ id }, title) {
      await api.sessions.rename.mutate({ id, title });
      await refresh();
    },
    async remove({ id }) {
      await api.sessions.remove.mutate({ id });
      await refresh();
    },
    async setIdleStop({ id }, minutes) {
      await api.sessions.setIdleStop.mutate({ id, minutes });
      await refresh();
    },
    stop: ({ id }) => told(() => api.sessions.stop.mutate({ id })),
    resume: ({ id }) => told(() => api.sessions.resume.mutate({ id })),
    rebuild: ({ id }) => told(() => api.sessions.rebuild.mutate({ id })),
  };
}
