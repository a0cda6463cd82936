"use client";

import { ChevronLeft, Play, Power, SquareTerminal } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import type { Session } from "../../../../server/sessions/session-store";
import type { Timeline } from "../../../../timeline/timeline";
import { PERMISSION_MODES } from "../../../_session/permission-modes";
import { sessionRights } from "../../../_session/session-rights";
import { sessionState } from "../../../_session/session-state";
import { useSessionActions } from "../../../_session/use-session-actions";
import { Button } from "../../../_ui/button";
import { IconButton } from "../../../_ui/icon-button";
import { StatusDot } from "../../../_ui/status-dot";
import { SessionMenuButton } from "../../_sessions/session-menu-button";
import { useShell } from "../../_shell/shell-context";
import { allTokens, money, tokenCount } from "./_conversation/figures";
import { withoutReordering } from "../../../_ui/shown-text";
import { Elapsed } from "./_conversation/ticking";
import { ConnectionMark } from "./connection-mark";
import type { Panel } from "./use-panel";

interface SessionHeaderProps {
  session: Session;
  timeline: Timeline;
  panel: Panel;
}

/** Which session this is, what it is doing, and what can be done with it. */
export function SessionHeader({ session, timeline, panel }: SessionHeaderProps) {
  const router = useRouter();
  const title = withoutReordering(session.title);
  return (
    <header className="border-b border-line py-1.5 pt-[max(6px,env(safe-area-inset-top))] pr-2 pl-2 md:pl-4">
      <div className="flex min-h-10 min-w-0 items-center gap-2">
        <Link
          href="/"
          aria-label="Sessions"
          className="inline-flex size-10 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover md:hidden"
        >
          <ChevronLeft size={18} aria-hidden />
        </Link>
        <div className="min-w-0 flex-1">
          <h1 className="truncate font-semibold" title={title}>
            <bdi>{title}</bdi>
          </h1>
          <Facts session={session} timeline={timeline} />
        </div>
        <State session={session} timeline={timeline} />
        <RunButton session={session} />
        <IconButton
          label={panel.isOpen ? "Hide the terminal" : "Show the terminal"}
          keys={["⌃`"]}
          aria-pressed={panel.isOpen}
          onClick={panel.toggle}
          className="max-md:hidden"
        >
          <SquareTerminal size={16} aria-hidden />
        </IconButton>
        <SessionMenuButton session={session} onDeleted={() => router.push("/")} />
      </div>
    </header>
  );
}

function State({ session, timeline }: Pick<SessionHeaderProps, "session" | "timeline">) {
  const { tone, word } = sessionState(session);
  const turn = timeline.currentTurnId === null ? undefined : timeline.turns.get(timeline.currentTurnId);
  return (
    <span role="status" className="inline-flex shrink-0 items-center gap-1.5 text-small">
      <StatusDot tone={tone} word={word} />
      {turn !== undefined && (
        <span aria-hidden className="text-muted max-sm:hidden">
          <Elapsed since={turn.startedAt} />
        </span>
      )}
    </span>
  );
}

/** Model, mode, tokens and cost so far, and how fresh all of it is. */
function Facts({ session, timeline }: Pick<SessionHeaderProps, "session" | "timeline">) {
  const { me } = useShell();
  const { tokens, cost } = timeline.totals;
  const mode = PERMISSION_MODES.find(({ value }) => value === session.permissionMode);
  const facts = [
    session.model.modelId,
    ...(mode === undefined ? [] : [mode.label.toLowerCase()]),
    ...(allTokens(tokens) === 0 ? [] : [`${tokenCount(allTokens(tokens))} tokens`, money(cost)]),
    ...(session.owner.id === me.id ? [] : [session.owner.name]),
  ];
  return (
    <p className="flex min-w-0 items-center gap-2 text-small text-muted">
      <span className="min-w-0 truncate tabular-nums">{facts.join(" · ")}</span>
      <ConnectionMark />
    </p>
  );
}

function RunButton({ session }: { session: Session }) {
  const { me } = useShell();
  const { stop, resume } = useSessionActions();
  const rights = sessionRights(me, session);
  if (rights.resume) {
    return (
      <Button kind="ghost" onClick={() => void resume(session)} className="max-sm:hidden">
        <Play size={14} aria-hidden /> Resume
      </Button>
    );
  }
  if (!rights.stop) return null;
  return (
    <Button
      kind="ghost"
      title="Ends the container; files and conversation are kept."
      onClick={() => void stop(session)}
      className="max-sm:hidden"
    >
      <Power size={14} aria-hidden /> Stop
    </Button>
  );
}
