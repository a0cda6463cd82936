import { useEffect } from "react";
import type { Session } from "../../../../server/sessions/session-store";
import { api } from "../../../_client/api";

/** The server takes each for three times as long. */
const EVERY_MS = 30_000;

/** Whoever has the page before their eyes uses the session: it is not stopped as idle. */
export function useWatch({ id, status }: Pick<Session, "id" | "status">): void {
  const runs = status === "idle" || status === "active";
  useEffect(() => {
    if (!runs) return;
    const look = () => {
      if (document.visibilityState === "hidden") return;
      // Not worth a word when it fails: the next one comes in time.
      api.sessions.watch.mutate({ id }).catch(() => undefined);
    };
    look();
    const timer = setInterval(look, EVERY_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [id, runs]);
}
