"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import type { SessionSummary } from "../../_live/use-lists";
import { sessionState } from "../../_session/session-state";
import { StatusDot } from "../../_ui/status-dot";
import { Time } from "../../_ui/time";
import { withoutReordering } from "../../_ui/shown-text";

/** One line: dot, title, when; what needs somebody says so instead of when. */
export function SidebarSession({ session }: { session: SessionSummary }) {
  const href = `/sessions/${session.id}`;
  const isOpen = usePathname() === href;
  const isUnread = session.unread && !isOpen;
  const { tone, word } = sessionState(session);
  return (
    <Link
      href={href}
      prefetch={false}
      data-session-link
      aria-current={isOpen ? "page" : undefined}
      title={withoutReordering(session.title)}
      className={`flex min-h-8 items-center gap-2 rounded-md px-2 hover:bg-hover pointer-coarse:min-h-10 ${isOpen ? "bg-hover" : ""}`}
    >
      <StatusDot tone={tone} word={word} dotOnly />
      <bdi className={`min-w-0 flex-1 truncate text-left ${isUnread ? "font-semibold" : ""}`}>
        {withoutReordering(session.title)}
      </bdi>
      {isUnread && <span className="sr-only">unread</span>}
      {tone === "attention" ? (
        <span aria-hidden className="text-[12px] whitespace-nowrap text-warn">
          needs you
        </span>
      ) : (
        <Time at={session.lastActivityAt} className="text-[12px] text-muted" />
      )}
    </Link>
  );
}
