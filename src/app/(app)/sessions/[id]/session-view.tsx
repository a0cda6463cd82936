"use client";

import { useEffect, useRef, type CSSProperties } from "react";
import type { Session } from "../../../../server/sessions/session-store";
import type { Timeline } from "../../../../timeline/timeline";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { usePeopleNames } from "../../../_live/use-lists";
import { sessionRights } from "../../../_session/session-rights";
import { toast } from "../../../_ui/toast";
import { useShell } from "../../_shell/shell-context";
import { Composer, type ComposerHandle } from "./_composer/composer";
import { isTouch } from "./_composer/is-touch";
import { newKey } from "./_composer/new-key";
import { useBeginning } from "./_composer/use-beginning";
import { WaitingPrompts } from "./_composer/waiting-prompts";
import { Conversation } from "./_conversation/conversation";
import { respond } from "./_conversation/request-answer";
import { hasEnded } from "../../../_session/session-state";
import { withoutReordering } from "../../../_ui/shown-text";
import { CreatingSteps } from "./creating-steps";
import { EndedNotice } from "./ended-notice";
import { PanelTabs } from "./panel-tabs";
import { SessionHeader } from "./session-header";
import { SessionPanel } from "./session-panel";
import { usePanel } from "./use-panel";
import { useReadMark } from "./use-read-mark";
import { useWatch } from "./use-watch";

interface SessionViewProps {
  session: Session;
  timeline: Timeline;
  hasOlder: boolean;
  loadOlder(): Promise<void>;
}

/** The conversation, and a panel beside it; on phones one of the two. */
export function SessionView({ session, timeline, hasOlder, loadOlder }: SessionViewProps) {
  const { me } = useShell();
  const names = usePeopleNames();
  const rights = sessionRights(me, session);
  const panel = usePanel();
  const composerRef = useRef<ComposerHandle>(null);
  const beginning = useBeginning(timeline);
  useReadMark(session);
  useWatch(session);
  usePageTitle(withoutReordering(session.title));
  return (
    <main className="flex h-[calc(100dvh-var(--offline-bar))] min-w-0 flex-col">
      <SessionHeader session={session} timeline={timeline} panel={panel} />
      <PanelTabs panel={panel} needsInput={timeline.openRequestIds.length > 0} />
      <div className="flex min-h-0 flex-1" style={{ "--panel": panel.width } as CSSProperties}>
        <div
          className={`flex min-h-0 min-w-0 flex-1 flex-col md:min-w-[360px] ${panel.isOpen ? "max-md:hidden" : ""}`}
        >
          {session.status === "creating" && <CreatingSteps session={session} />}
          <Conversation
            sessionId={session.id}
            timeline={timeline}
            session={session}
            names={names}
            beginning={beginning}
            hasOlder={hasOlder}
            loadOlder={loadOlder}
            onRespond={respond}
            readOnly={!rights.write}
            onContinue={rights.write ? () => void goOn(session.id) : undefined}
            onIdea={rights.write ? (text) => composerRef.current?.propose(text) : undefined}
          />
          <WaitingPrompts
            session={session}
            timeline={timeline}
            names={names}
            userId={me.id}
            canWrite={rights.write}
            beginning={beginning}
            onKeep={(text) => composerRef.current?.keep(text)}
            onEmptied={() => {
              // Under a finger it would bring up the keyboard.
              if (!isTouch()) composerRef.current?.focus();
            }}
          />
          <EndedNotice session={session} canWrite={rights.write} />
          <Composer
            ref={composerRef}
            session={session}
            canWrite={rights.write}
            isBusy={timeline.currentTurnId !== null && !hasEnded(session)}
          />
        </div>
        {panel.isOpen && <SessionPanel session={session} canWrite={rights.write} panel={panel} />}
      </div>
    </main>
  );
}

/** After a turn that broke off. */
async function goOn(sessionId: string): Promise<void> {
  try {
    await api.prompts.send.mutate({ sessionId, text: "Go on.", key: newKey() });
  } catch (cause) {
    toast(sentenceOf(cause));
  }
}

function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · OpenAgent`;
  }, [title]);
}
