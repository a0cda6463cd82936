import type { Timeline } from "./state";
import type { MessageView, PartView } from "./view";

/** @returns the message by its own id or its prompt's */
export function messageOf(timeline: Timeline, id: string): MessageView | undefined {
  const index = timeline.messageIndex.get(id);
  return index === undefined ? undefined : timeline.messages.at(index);
}

export function appendMessage(timeline: Timeline, message: MessageView): Timeline {
  const index = timeline.messages.length;
  const byId = timeline.messageIndex.set(message.id, index);
  return markOpen(
    {
      ...timeline,
      messages: timeline.messages.push(message),
      messageIndex: message.promptId === undefined ? byId : byId.set(message.promptId, index),
    },
    message,
  );
}

/** Puts `message` in the place of the one that goes by `id`, which must be there. Its own id may differ. */
export function replaceMessage(timeline: Timeline, id: string, message: MessageView): Timeline {
  const index = timeline.messageIndex.get(id);
  if (index === undefined) return appendMessage(timeline, message);
  const renamed = timeline.messages.at(index)?.id !== message.id;
  return markOpen(
    {
      ...timeline,
      messages: timeline.messages.set(index, message),
      messageIndex: renamed ? timeline.messageIndex.set(message.id, index) : timeline.messageIndex,
    },
    message,
  );
}

function markOpen(timeline: Timeline, message: MessageView): Timeline {
  const known = timeline.openMessageIds.includes(message.id);
  if (known === (message.state === "streaming")) return timeline;
  const others = timeline.openMessageIds.filter((id) => id !== message.id);
  return { ...timeline, openMessageIds: known ? others : [...others, message.id] };
}

export interface PartAddress {
  messageId: string;
  partId: string;
  childId?: string;
}

/**
 * Changes a part. A message or part that is not known is made first: whoever started later than at the first event
 * sees deltas of what began before. Save in a timeline that knows of older messages: the unknown one is among those.
 * One that has ended stays as it is: its end may be told again by the container of a restored snapshot, which was made before it.
 */
export function changePart(
  timeline: Timeline,
  event: { seq: number; at: string; data: PartAddress },
  change: (part: PartView | undefined) => PartView,
): Timeline {
  const { messageId, partId, childId } = event.data;
  const known = messageOf(timeline, messageId);
  if (known === undefined && timeline.hasOlder) return timeline;
  const message = known ?? {
    id: messageId,
    role: "assistant",
    kind: "message",
    state: "streaming",
    parts: [],
    startedSeq: event.seq,
    at: event.at,
    ...(childId === undefined ? {} : { childId }),
    ...(childId === undefined && timeline.currentTurnId !== null ? { turnId: timeline.currentTurnId } : {}),
  };
  const index = message.parts.findLastIndex((part) => part.id === partId);
  if (message.role === "assistant" && message.parts[index]?.state === "done") return timeline;
  const part = change(message.parts[index]);
  const parts = index === -1 ? [...message.parts, part] : message.parts.with(index, part);
  return replaceMessage(timeline, messageId, { ...message, parts });
}

/** The text of a prompt until the agent's own message brings it. */
export const PROMPT_TEXT_PREFIX = "text-of-";

/** Closes what a message left open: its tools count as failed, with the reason. */
export function closeMessage(message: MessageView, toolError: string): MessageView {
  return { ...message, state: "done", parts: message.parts.map((part) => closePart(part, toolError)) };
}

function closePart(part: PartView, toolError: string): PartView {
  const openTool =
    part.tool !== undefined && (part.tool.status === "pending" || part.tool.status === "running");
  if (part.state === "done" && !openTool) return part;
  return {
    ...part,
    state: "done",
    ...(openTool && part.tool !== undefined
      ? { tool: { ...part.tool, status: "error", error: toolError } }
      : {}),
  };
}
