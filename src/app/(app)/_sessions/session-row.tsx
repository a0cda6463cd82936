"use client";

import Link from "next/link";
import type { SessionSummary } from "../../_live/use-lists";
import { sessionState } from "../../_session/session-state";
import { StatusDot } from "../../_ui/status-dot";
import { Time } from "../../_ui/time";
import { useShell } from "../_shell/shell-context";
import { SessionMenuButton } from "./session-menu-button";
import { withoutReordering } from "../../_ui/shown-text";

/** The whole row leads to the session, but for its menu. */
export function SessionRow({ session }: { session: SessionSummary }) {
  const { me } = useShell();
  const { tone, word, why } = sessionState(session);
  return (
    <div className="relative -mx-2 flex min-h-[60px] items-center gap-2 rounded-md px-2 hover:bg-raised">
      <div className="min-w-0 flex-1 py-2">
        <Link
          href={`/sessions/${session.id}`}
          prefetch={false}
          data-session-link
          title={withoutReordering(session.title)}
          className={`block truncate after:absolute after:inset-0 after:rounded-md ${session.unread ? "font-semibold" : "font-medium"}`}
        >
          {/* First, as what is cut off and lies out of the flow widens the page. */}
          {session.unread && <span className="sr-only">unread: </span>}
          <bdi>{withoutReordering(session.title)}</bdi>
        </Link>
        <p className="flex min-w-0 items-center gap-2 text-small text-muted">
          <StatusDot tone={tone} word={word} />
          <span className="min-w-0 truncate">
            {why ?? <Facts session={session} isMine={session.owner.id === me.id} />}
          </span>
        </p>
      </div>
      {session.unread && <span aria-hidden className="size-1.5 shrink-0 rounded-full bg-accent" />}
      <Time at={session.lastActivityAt} className="text-small text-muted" />
      <div className="relative">
        <SessionMenuButton session={session} />
      </div>
    </div>
  );
}

function Facts({ session, isMine }: { session: SessionSummary; isMine: boolean }) {
  return (
    <>
      {session.model.modelId}
      {!isMine && (
        <>
          {" · "}
          <bdi>{session.owner.name}</bdi>
        </>
      )}
      {isMine && session.visibility !== "private" && " · shared"}
    </>
  );
}
