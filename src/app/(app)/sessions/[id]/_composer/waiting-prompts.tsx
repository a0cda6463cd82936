"use client";

import { useEffect, useEffectEvent, useRef, useState } from "react";
import type { Session } from "../../../../../server/sessions/session-store";
import type { Timeline } from "../../../../../timeline/timeline";
import { hasEnded } from "../../../../_session/session-state";
import { toast } from "../../../../_ui/toast";
import { textOf } from "../_conversation/person-message";
import { waitingReason } from "../_conversation/waiting-reason";
import { WaitingPrompt } from "./waiting-prompt";

interface WaitingPromptsProps {
  session: Session;
  timeline: Timeline;
  names: ReadonlyMap<string, string>;
  /** Who looks at it. */
  userId: string;
  canWrite: boolean;
  /** Stands in the conversation already. */
  beginning: string | null;
  /** Takes a text that nobody is to lose. */
  onKeep: (text: string) => void;
  /** None waits any more: the focus is to go elsewhere. */
  onEmptied: () => void;
}

/** What was sent and has not begun, the next first, with what can be done about it. */
export function WaitingPrompts(props: WaitingPromptsProps) {
  const { session, timeline, canWrite, beginning } = props;
  const waiting = timeline.queue.filter((message) => message.promptId !== beginning);
  const [edited, setEdited] = useState<Edit | null>(null);
  const listRef = useRef<HTMLOListElement>(null);
  useLostEdit({ edited, waiting: waiting.map(({ id }) => id), setEdited, onKeep: props.onKeep });
  if (waiting.length === 0) return null;
  const isStopped = hasEnded(session);
  const onGone = () => {
    if (waiting.length > 1) listRef.current?.focus();
    else props.onEmptied();
  };
  return (
    <section aria-label="Waiting prompts" className="mx-auto w-full max-w-[792px] px-4 pb-2">
      <h2 className="px-3 pb-1 text-[12px] text-muted tabular-nums">
        <span className="font-medium text-fg">{waiting.length} waiting</span>
        {" · "}
        {beginning === null ? waitingReason(timeline, 0) : "after the prompt before it"}
      </h2>
      <ol
        ref={listRef}
        tabIndex={-1}
        className="max-h-[28dvh] divide-y divide-line overflow-y-auto rounded-lg border border-line outline-none"
      >
        {waiting.map((message) => (
          <WaitingPrompt
            key={message.id}
            message={message}
            names={props.names}
            canEdit={canWrite && message.by === props.userId}
            canCancel={canWrite}
            canSendNow={canWrite && !isStopped}
            endsTurn={timeline.currentTurnId !== null}
            edited={edited?.promptId === message.id ? edited.text : null}
            onEdit={(text) =>
              setEdited(text === null ? null : { promptId: message.id, text, before: textOf(message) })
            }
            onGone={onGone}
          />
        ))}
      </ol>
    </section>
  );
}

interface Edit {
  promptId: string;
  text: string;
  /** As it was sent. */
  before: string;
}

/** A prompt may begin, or be cancelled by somebody, while its text is being changed. */
function useLostEdit({
  edited,
  waiting,
  setEdited,
  onKeep,
}: {
  edited: Edit | null;
  waiting: readonly string[];
  setEdited: (edited: null) => void;
  onKeep: (text: string) => void;
}): void {
  const isLost = edited !== null && !waiting.includes(edited.promptId);
  const keep = useEffectEvent(() => {
    if (edited === null) return;
    setEdited(null);
    if (edited.text === edited.before || edited.text.trim() === "") return;
    onKeep(edited.text);
    toast("The prompt left the line before your change was saved. What you wrote is in the message field.");
  });
  useEffect(() => {
    if (isLost) keep();
  }, [isLost]);
}
