import type { Timeline } from "../../timeline/timeline";
import type { MessageView } from "../../timeline/view";
import { timelineFromWindow, type TimelineWindow, withOlder } from "../../timeline/window";
import { applyRow } from "./apply-row";
import type { EventRow } from "./parse-event";

/**
 * The timeline with the older messages of `read.older` before its own.
 * @param read.older as the server had it at its own `lastSeq`, when it was asked for what is before `read.beforeSeq`
 * @param read.recent events that the timeline was last given
 * @returns null when `recent` does not say what happened to the older messages since, or when the timeline begins
 *   elsewhere by now
 */
export function joinOlder(
  timeline: Timeline,
  read: { older: TimelineWindow; beforeSeq: number; recent: readonly EventRow[] },
): Timeline | null {
  const { older, beforeSeq, recent } = read;
  if (timeline.messages.at(0)?.startedSeq !== beforeSeq) return null;
  const since = recent.filter(({ seq }) => seq > older.lastSeq && seq <= timeline.lastSeq);
  if (since.length !== timeline.lastSeq - older.lastSeq) return null;
  const caughtUp = since.reduce(applyRow, timelineFromWindow(older));
  return withOlder(timeline, {
    messages: caughtUp.messages.slice(0, older.messages.length),
    hasMore: older.hasMore,
    turns: [...caughtUp.turns].map(([, turn]) => turn),
    answered: [...caughtUp.requests].map(([, request]) => request).filter(({ outcome }) => outcome !== null),
  });
}

/** A fresh snapshot with what the page had loaded before it, where the two are known to touch and nothing there goes on. */
export function keepingOlder(fresh: Timeline, before: Timeline): Timeline {
  const kept: Timeline = { ...fresh, requests: withClosed(fresh, before) };
  const earlier = earlierThan(fresh.messages.at(0), before);
  if (earlier.length === 0 || earlier.some((message) => mayHaveChanged(message, before, fresh))) return kept;
  return withOlder(kept, {
    messages: earlier,
    hasMore: before.hasOlder,
    turns: [...before.turns].map(([, turn]) => turn),
    answered: [],
  });
}

/** A prompt may have become a message under another id since; it keeps its prompt's. */
function earlierThan(first: MessageView | undefined, before: Timeline): MessageView[] {
  if (first === undefined) return [];
  const joint = before.messageIndex.get(first.id) ?? before.messageIndex.get(first.promptId ?? first.id);
  return joint === undefined ? [] : before.messages.slice(0, joint);
}

/** Might the events that were passed over say more of it than `before` knows? */
function mayHaveChanged(message: MessageView, before: Timeline, fresh: Timeline): boolean {
  if (message.state === "streaming") return true;
  const turn = before.turns.get(message.turnId ?? "");
  const isPrompt = message.id === message.promptId && message.cancelled === undefined;
  if (isPrompt && (message.turnId === undefined || turn?.outcome === null)) return true;
  return turn?.outcome === null && fresh.turns.get(turn.turnId) === undefined;
}

/** A snapshot has the requests of its own messages; how older ones were answered stays on the page. */
function withClosed(fresh: Timeline, before: Timeline): Timeline["requests"] {
  let requests = fresh.requests;
  for (const [id, request] of before.requests) {
    if (request.outcome !== null && requests.get(id) === undefined) requests = requests.set(id, request);
  }
  return requests;
}
