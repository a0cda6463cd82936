import { beginPrompt, begunState } from "./apply-prompt";
import { closeMessage, messageOf, replaceMessage } from "./messages";
import type { EventOf, Timeline } from "./state";
import type { MessageView } from "./view";

export function applyTurn(
  timeline: Timeline,
  event: EventOf<"turn.started" | "turn.ended" | "turn.reverted">,
): Timeline {
  switch (event.type) {
    case "turn.started":
      return startTurn(timeline, event);
    case "turn.ended":
      return endTurn(timeline, event);
    case "turn.reverted":
      return { ...timeline, revertedFrom: event.data.messageId };
  }
}

function startTurn(timeline: Timeline, event: EventOf<"turn.started">): Timeline {
  const { turnId, promptId } = event.data;
  const begun = beginPrompt(timeline, promptId, { seq: event.seq, turnId });
  const prompt = messageOf(begun, promptId);
  const turn = { turnId, promptId, outcome: null, startedAt: event.at, endedAt: null };
  return {
    ...(prompt === undefined ? begun : replaceMessage(begun, prompt.id, runningPrompt(prompt, turnId))),
    turns: begun.turns.set(turnId, turn),
    currentTurnId: turnId,
    // A new prompt makes an undo final.
    revertedFrom: null,
  };
}

/** Cancelled because nobody knew that it ran: the turn's own word counts. */
function runningPrompt(prompt: MessageView, turnId: string): MessageView {
  const { cancelled, ...rest } = prompt;
  return { ...rest, turnId, ...(cancelled === undefined ? {} : { state: begunState(prompt) }) };
}

function endTurn(timeline: Timeline, event: EventOf<"turn.ended">): Timeline {
  const { turnId, promptId, outcome, error } = event.data;
  const known = timeline.turns.get(turnId) ?? { turnId, promptId, startedAt: event.at };
  const ended = { ...known, outcome, endedAt: event.at, ...(error === undefined ? {} : { error }) };
  const closed = closeAll(beginPrompt(timeline, promptId, { seq: event.seq, turnId }));
  return {
    ...closed,
    turns: closed.turns.set(turnId, ended),
    currentTurnId: closed.currentTurnId === turnId ? null : closed.currentTurnId,
  };
}

/** One turn runs at a time, so whatever is open when it ends was its own. */
function closeAll(timeline: Timeline): Timeline {
  let closed = timeline;
  for (const id of timeline.openMessageIds) {
    const message = messageOf(closed, id);
    if (message !== undefined) {
      closed = replaceMessage(closed, id, closeMessage(message, "The turn ended before this tool did."));
    }
  }
  return closed;
}
