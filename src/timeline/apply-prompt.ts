import { appendMessage, messageOf, PROMPT_TEXT_PREFIX, replaceMessage } from "./messages";
import type { EventOf, Timeline } from "./state";
import type { MessageView } from "./view";

type PromptEvent = EventOf<
  "prompt.queued" | "prompt.edited" | "prompt.moved" | "prompt.started" | "prompt.cancelled"
>;

export function applyPrompt(timeline: Timeline, event: PromptEvent): Timeline {
  switch (event.type) {
    case "prompt.queued":
      return { ...timeline, queue: [...timeline.queue, queuedMessage(event)] };
    case "prompt.edited": {
      const { promptId, text } = event.data;
      return {
        ...timeline,
        queue: timeline.queue.map((waiting) =>
          waiting.promptId === promptId ? { ...waiting, parts: [textPart(promptId, text)] } : waiting,
        ),
      };
    }
    case "prompt.moved":
      return movePrompt(timeline, event);
    case "prompt.started":
      return beginPrompt(timeline, event.data.promptId, { seq: event.seq });
    case "prompt.cancelled":
      return cancelPrompt(timeline, event);
  }
}

function movePrompt(timeline: Timeline, event: EventOf<"prompt.moved">): Timeline {
  const { promptId, position } = event.data;
  const moved = timeline.queue.find((waiting) => waiting.promptId === promptId);
  if (moved === undefined) return timeline;
  const others = timeline.queue.filter((waiting) => waiting !== moved);
  return { ...timeline, queue: others.toSpliced(position - 1, 0, moved) };
}

/** One that waits is gone. One that was begun stays where it stands and says that nothing came of it. */
function cancelPrompt(timeline: Timeline, event: EventOf<"prompt.cancelled">): Timeline {
  const { promptId, reason } = event.data;
  const without = { ...timeline, queue: timeline.queue.filter((waiting) => waiting.promptId !== promptId) };
  const begun = messageOf(without, promptId);
  // A turn tells its end itself.
  if (begun === undefined || begun.turnId !== undefined) return without;
  const cancelled = reason === undefined ? {} : { reason };
  return replaceMessage(without, begun.id, { ...begun, state: "done", cancelled });
}

/**
 * Takes a prompt out of the queue and into the conversation, where it stays at the place of its start: what an earlier
 * turn still says comes before it. Both `prompt.started` and `turn.started` may be the first to say so.
 */
export function beginPrompt(
  timeline: Timeline,
  promptId: string,
  opts: { seq: number; turnId?: string },
): Timeline {
  const waiting = timeline.queue.find((message) => message.promptId === promptId);
  if (waiting === undefined) return timeline;
  const without = { ...timeline, queue: timeline.queue.filter((message) => message !== waiting) };
  return appendMessage(without, {
    ...waiting,
    state: begunState(waiting),
    startedSeq: opts.seq,
    ...(opts.turnId === undefined ? {} : { turnId: opts.turnId }),
  });
}

/** A prompt is complete as it stands; a shell command lasts as long as its turn. */
export function begunState(prompt: Pick<MessageView, "kind">): MessageView["state"] {
  return prompt.kind === "shell" ? "streaming" : "done";
}

function queuedMessage(event: EventOf<"prompt.queued">): MessageView {
  const { promptId, text, kind, by, model, agent } = event.data;
  return {
    id: promptId,
    role: "user",
    kind: kind === "shell" ? "shell" : "message",
    state: "queued",
    promptId,
    by,
    ...(model === undefined ? {} : { model }),
    ...(agent === undefined ? {} : { agent }),
    parts: [textPart(promptId, text)],
    startedSeq: event.seq,
    at: event.at,
  };
}

function textPart(promptId: string, text: string) {
  return { id: PROMPT_TEXT_PREFIX + promptId, kind: "text", text, state: "done" } as const;
}
