"use client";

import { usePathname } from "next/navigation";
import { useEffect, useRef } from "react";
import { useOpenRequests, useSessionList } from "../../_live/use-lists";
import { sessionRights } from "../../_session/session-rights";
import { Badge } from "../../_ui/badge";
import { useShell } from "../_shell/shell-context";
import { RequestCard } from "./request-card";

/** What waits for an answer, whatever session it is in, and answered right here. */
export function Inbox() {
  const { me } = useShell();
  const requests = useOpenRequests();
  const { sessions } = useSessionList({ archived: false });
  const section = useFocusOnHash("#inbox");
  return (
    <section ref={section} id="inbox" tabIndex={-1} aria-label="Inbox" className="scroll-mt-16 outline-none">
      {requests !== undefined && requests.length > 0 && (
        <div className="mb-6">
          <h2 className="mb-2 flex items-center gap-2 font-medium">
            Needs you <Badge tone="attention">{requests.length}</Badge>
          </h2>
          <ul className="flex flex-col gap-3">
            {requests.map((request) => {
              const session = sessions?.find(({ id }) => id === request.sessionId);
              return (
                <li key={request.id}>
                  <RequestCard
                    request={request}
                    sessionTitle={session?.title ?? "A session"}
                    mayAnswer={session !== undefined && sessionRights(me, session).write}
                  />
                </li>
              );
            })}
          </ul>
        </div>
      )}
    </section>
  );
}

/** For whoever comes by the keyboard: the focus goes where the address says. */
function useFocusOnHash(hash: string) {
  const element = useRef<HTMLElement>(null);
  const pathname = usePathname();
  useEffect(() => {
    const look = () => {
      if (window.location.hash === hash) element.current?.focus();
    };
    look();
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, [hash, pathname]);
  return element;
}
