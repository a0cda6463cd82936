"use client";

import dynamic from "next/dynamic";
import type { Session } from "../../../../server/sessions/session-store";
import { Spinner } from "../../../_ui/spinner";
import { PanelEdge } from "./panel-edge";
import type { Panel } from "./use-panel";

const TerminalPanel = dynamic(
  () => import("./_terminal/terminal-panel").then((module) => module.TerminalPanel),
  {
    ssr: false,
    loading: () => (
      <div className="flex flex-1 items-center justify-center">
        <Spinner label="Opening the terminal…" />
      </div>
    ),
  },
);

interface SessionPanelProps {
  session: Session;
  canWrite: boolean;
  panel: Panel;
}

/** Beside the conversation from 768 px on, in its place below. */
export function SessionPanel({ session, canWrite, panel }: SessionPanelProps) {
  const reason = whyNoTerminal(session, canWrite);
  return (
    <div className="relative flex min-h-0 min-w-0 flex-col border-line max-md:flex-1 md:w-[var(--panel)] md:border-l">
      <PanelEdge panel={panel} />
      <TerminalPanel
        sessionId={session.id}
        canOpen={reason === null}
        reason={reason}
        takesFocus={panel.wasOpenedHere}
      />
    </div>
  );
}

function whyNoTerminal({ status }: Session, canWrite: boolean): string | null {
  if (!canWrite) return "You can read this session. To open a terminal you need to be able to write in it.";
  switch (status) {
    case "creating":
      return "A terminal can be opened as soon as the session's container runs.";
    case "stopped":
      return "The session is stopped. Resume it to open a terminal.";
    case "error":
      return "The session has failed. Restart it to open a terminal.";
    case "active":
    case "idle":
      return null;
  }
}
