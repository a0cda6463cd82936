import { useEffect } from "react";
import type { Session } from "../../../../server/sessions/session-store";
import { api } from "../../../_client/api";

/** Somebody who passes by has not read it. */
const LOOKED_AT_MS = 1_000;

/** Whoever has the page before their eyes has read what is there. */
export function useReadMark({ id, unread, lastSeq }: Pick<Session, "id" | "unread" | "lastSeq">): void {
  useEffect(() => {
    if (!unread) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      if (document.visibilityState === "hidden") return;
      // Not worth a word when it fails: the mark is set with the next look.
      timer = setTimeout(
        () => void api.sessions.markRead.mutate({ id }).catch(() => undefined),
        LOOKED_AT_MS,
      );
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [id, unread, lastSeq]);
}
