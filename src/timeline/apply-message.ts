import type { TokenUsage } from "../../sidecar/src/contract";
import { appendMessage, messageOf, replaceMessage } from "./messages";
import type { EventOf, Timeline } from "./state";
import type { MessageView, TotalsView } from "./view";

export function applyMessage(
  timeline: Timeline,
  event: EventOf<"message.started" | "message.ended" | "usage.updated">,
): Timeline {
  switch (event.type) {
    case "message.started":
      return startMessage(timeline, event);
    case "message.ended": {
      const { role, error } = event.data;
      return changeMessage(timeline, event, (message) => ({
        ...message,
        role,
        state: "done",
        ...(error === undefined ? {} : { error }),
      }));
    }
    case "usage.updated":
      return changeMessage(timeline, event, (message) => message);
  }
}

function startMessage(timeline: Timeline, event: EventOf<"message.started">): Timeline {
  const { messageId, role, turnId, model, childId } = event.data;
  const fields = {
    ...(turnId === undefined ? {} : { turnId }),
    ...(model === undefined ? {} : { model }),
    ...(childId === undefined ? {} : { childId }),
  };
  const known = messageOf(timeline, messageId);
  if (known !== undefined) return replaceMessage(timeline, known.id, { ...known, ...fields, role });

  const prompt = role === "user" && childId === undefined ? promptOfTurn(timeline, turnId) : undefined;
  if (prompt === undefined) {
    return appendMessage(timeline, {
      ...newMessage(event),
      ...fields,
      role,
      // A person's message is complete when it is sent.
      state: role === "user" ? "done" : "streaming",
    });
  }
  const merged = replaceMessage(timeline, prompt.id, { ...prompt, ...fields, id: messageId });
  const turn = turnId === undefined ? undefined : merged.turns.get(turnId);
  return turn === undefined
    ? merged
    : { ...merged, turns: merged.turns.set(turn.turnId, { ...turn, userMessageId: messageId }) };
}

/** The message of the turn's prompt, as long as the agent's own message for it has not come. */
function promptOfTurn(timeline: Timeline, turnId: string | undefined): MessageView | undefined {
  const turn = turnId === undefined ? undefined : timeline.turns.get(turnId);
  if (turn === undefined || turn.userMessageId !== undefined) return undefined;
  const prompt = messageOf(timeline, turn.promptId);
  return prompt?.kind === "message" ? prompt : undefined;
}

/** Applies `change` and the event's tokens and cost, keeping the totals equal to the sum over the messages. */
function changeMessage(
  timeline: Timeline,
  event: EventOf<"message.ended" | "usage.updated">,
  change: (message: MessageView) => MessageView,
): Timeline {
  const { messageId, model, tokens, cost, childId } = event.data;
  const known = messageOf(timeline, messageId);
  const before = known ?? {
    ...newMessage(event),
    ...(childId === undefined ? {} : { childId }),
  };
  const after = {
    ...change(before),
    ...(model === undefined ? {} : { model }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(cost === undefined ? {} : { cost }),
  };
  const totals = totalsAfter(timeline.totals, before, after);
  if (known !== undefined || !timeline.hasOlder)
    return { ...replaceMessage(timeline, messageId, after), totals };
  // One of the older messages, which are not at hand: its end counts, and what repeats the end's figures does not.
  return event.type === "message.ended" ? { ...timeline, totals } : timeline;
}

function newMessage(event: { seq: number; at: string; data: { messageId: string } }): MessageView {
  return {
    id: event.data.messageId,
    role: "assistant",
    kind: "message",
    state: "streaming",
    parts: [],
    startedSeq: event.seq,
    at: event.at,
  };
}

const NO_TOKENS: TokenUsage = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 };

/** Counts of a message replace each other, they do not add up: each says all that the message has used so far. */
function totalsAfter(totals: TotalsView, before: MessageView, after: MessageView): TotalsView {
  if (before.tokens === after.tokens && before.cost === after.cost) return totals;
  const old = before.tokens ?? NO_TOKENS;
  const now = after.tokens ?? NO_TOKENS;
  const sum = totals.tokens;
  return {
    tokens: {
      input: sum.input + now.input - old.input,
      output: sum.output + now.output - old.output,
      reasoning: sum.reasoning + now.reasoning - old.reasoning,
      cacheRead: sum.cacheRead + now.cacheRead - old.cacheRead,
      cacheWrite: sum.cacheWrite + now.cacheWrite - old.cacheWrite,
    },
    cost: totals.cost + (after.cost ?? 0) - (before.cost ?? 0),
  };
}
