"use client";

import { ArrowDown } from "lucide-react";
import { Fragment, useMemo, useRef, useState } from "react";
import type { ModelRef } from "../../../../../../sidecar/src/contract";
import type { Session } from "../../../../../server/sessions/session-store";
import type { Timeline } from "../../../../../timeline/timeline";
import type { RestoreView } from "../../../../../timeline/view";
import { Button } from "../../../../_ui/button";
import { Notice } from "../../../../_ui/notice";
import { announcement } from "./announcement";
import { ConversationProvider } from "./conversation-context";
import { FailureCard } from "./failure-card";
import { FirstPrompt } from "./first-prompt";
import { OpenRequests } from "./open-requests";
import { PersonMessage } from "./person-message";
import type { Respond } from "./request-answer";
import { RestoredLine } from "./restored-line";
import { RetryCard } from "./retry-card";
import { ShellCard } from "./shell-card";
import { hasEnded } from "../../../../_session/session-state";
import { shown } from "../../../../_ui/shown-text";
import { Elapsed } from "./ticking";
import { TodoPanel } from "./todo-list";
import { TurnSection } from "./turn-section";
import { answeredByPart, lastRestores, turnsOf, type Turn } from "./turns";
import { useReadersPlace } from "./use-readers-place";
import { useShownWindow } from "./use-shown-window";
import { waitingReason } from "./waiting-reason";

export interface ConversationProps {
  sessionId: string;
  timeline: Timeline;
  session: Pick<Session, "status">;
  /** The prompt that is about to begin; all others that wait stand elsewhere. */
  beginning: string | null;
  names: ReadonlyMap<string, string>;
  /** Older messages exist than the timeline holds. */
  hasOlder: boolean;
  loadOlder: () => Promise<void>;
  /** Rejects with an Error whose message is for people. */
  onRespond: Respond;
  readOnly: boolean;
  /** Asks the agent to go on with a turn that broke off. */
  onContinue?: (() => void) | undefined;
  /** Proposes a first prompt; missing for readers. */
  onIdea?: ((text: string) => void) | undefined;
}

/**
 * A timeline as people read it. Fills a column of flexible height and scrolls by itself; the newest messages are drawn
 * first, older ones as they are scrolled to.
 */
export function Conversation(props: ConversationProps) {
  const { sessionId } = props;
  return <Column key={sessionId} {...props} />;
}

function Column(props: ConversationProps) {
  const { timeline, names, hasOlder, loadOlder, readOnly, onRespond } = props;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const contentRef = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const shownWindow = useShownWindow({ timeline, atEnd: following, hasOlder, loadOlder });
  const toEnd = useReadersPlace({
    scrollerRef,
    contentRef,
    setFollowing,
    onNearStart: shownWindow.showOlder,
  });
  const context = useMemo(
    () => ({ names, answeredByPart: answeredByPart({ requests: timeline.requests }) }),
    [names, timeline.requests],
  );
  return (
    <ConversationProvider value={context}>
      <div className="relative flex min-h-0 min-w-0 flex-1 flex-col">
        <div
          ref={scrollerRef}
          role="log"
          aria-live="off"
          aria-label="Conversation"
          tabIndex={0}
          className="min-h-0 flex-1 overflow-x-hidden overflow-y-auto [overflow-anchor:none] -outline-offset-2"
        >
          <div ref={contentRef} className="mx-auto w-full max-w-[792px] px-4 pt-4">
            <Start {...shownWindow} />
            <Turns {...props} start={shownWindow.start} />
            {!hasEnded(props.session) && <Now timeline={timeline} />}
            <Beginning timeline={timeline} promptId={props.beginning} />
            <div className="sticky bottom-0 z-10 mt-4 flex flex-col gap-2 bg-bg pb-3">
              {!following && <ToEnd timeline={timeline} onPress={toEnd} />}
              {showsPlan(timeline) && <TodoPanel todos={timeline.todos} />}
              <OpenRequests timeline={timeline} readOnly={readOnly} onRespond={onRespond} />
            </div>
          </div>
        </div>
        <p role="status" className="sr-only">
          {shown(announcement(timeline))}
        </p>
      </div>
    </ConversationProvider>
  );
}

function Turns({ timeline, start, session, onContinue, onIdea }: ConversationProps & { start: number }) {
  const turns = turnsOf(timeline, start);
  const idle = timeline.currentTurnId === null && timeline.queue.length === 0;
  const changes = changedModels(turns);
  if (turns.length === 0) return <Nothing timeline={timeline} session={session} onIdea={onIdea} />;
  return (
    <>
      {turns.map((turn, index) => (
        <Fragment key={turn.key}>
          <Restores restores={turn.restores} />
          <TurnSection
            turn={turn}
            changedModel={changes[index] ?? null}
            onContinue={idle && index === turns.length - 1 ? onContinue : undefined}
          />
        </Fragment>
      ))}
      <Restores restores={lastRestores(timeline)} />
    </>
  );
}

function Restores({ restores }: { restores: readonly RestoreView[] }) {
  return restores.map((restore) => <RestoredLine key={restore.seq} restore={restore} />);
}

/** For each turn, the model that answers it when another answered the one before. */
function changedModels(turns: readonly Turn[]): (ModelRef | null)[] {
  let before: ModelRef | null = null;
  return turns.map((turn) => {
    const model = turn.agent.find((message) => message.model !== undefined)?.model ?? null;
    if (model === null) return null;
    const changed =
      before !== null && (before.modelId !== model.modelId || before.providerId !== model.providerId);
    before = model;
    return changed ? model : null;
  });
}

function Nothing({ timeline, session, onIdea }: Pick<ConversationProps, "timeline" | "session" | "onIdea">) {
  const failure = timeline.errors.at(-1);
  if (failure !== undefined) return <FailureCard failure={failure} />;
  if (timeline.queue.length > 0) return null;
  return <FirstPrompt isCreating={session.status === "creating"} onIdea={onIdea} />;
}

function Start({ loading, failed, showOlder, start }: ReturnType<typeof useShownWindow>) {
  if (failed) {
    return (
      <Notice
        action={
          <Button kind="plain" onClick={showOlder}>
            Try again
          </Button>
        }
      >
        Older messages could not be loaded.
      </Notice>
    );
  }
  if (loading) return <p className="py-3 text-center text-[12px] text-muted">loading older messages…</p>;
  return start > 0 ? (
    <p className="text-center">
      <Button kind="ghost" className="text-[12px] text-muted" onClick={showOlder}>
        Show older messages
      </Button>
    </p>
  ) : null;
}

function Beginning({ timeline, promptId }: { timeline: Timeline; promptId: string | null }) {
  const message = timeline.queue.find((each) => each.promptId === promptId);
  if (message === undefined) return null;
  const waiting = waitingReason(timeline, 0);
  return (
    <div className="mt-8">
      {message.kind === "shell" ? (
        <ShellCard message={message} agent={[]} waiting={waiting} />
      ) : (
        <PersonMessage message={message} waiting={waiting} />
      )}
    </div>
  );
}

/** What is going on at this moment, in a line that stays as long as the turn. */
function Now({ timeline }: { timeline: Timeline }) {
  const turn = timeline.currentTurnId === null ? undefined : timeline.turns.get(timeline.currentTurnId);
  if (timeline.retry !== null) return <RetryCard retry={timeline.retry} />;
  if (turn === undefined) return null;
  const waits = timeline.openRequestIds.length > 0;
  return (
    <p className="mt-3 flex min-h-6 items-center gap-2 text-small text-muted">
      <span aria-hidden className={`size-2 rounded-full ${waits ? "bg-warn" : "bg-accent animate-beat"}`} />
      {waits ? "waits for an answer" : "working"}
      <Elapsed since={turn.startedAt} />
    </p>
  );
}

function showsPlan(timeline: Timeline): boolean {
  return timeline.currentTurnId !== null && timeline.todos.some((todo) => todo.status !== "completed");
}

/** Above what waits for an answer: nothing of that may be covered. */
function ToEnd({ timeline, onPress }: { timeline: Timeline; onPress: () => void }) {
  const busy = timeline.currentTurnId !== null;
  return (
    <div className="pointer-events-none absolute inset-x-0 bottom-full mb-2 flex justify-center">
      <Button
        kind="plain"
        onClick={onPress}
        className="pointer-events-auto rounded-full bg-bg text-small shadow-sm"
      >
        <ArrowDown size={14} aria-hidden /> {busy ? "new" : "to the end"}
      </Button>
    </div>
  );
}
