import type { SessionEvent } from "../../sidecar/src/contract";
import { applyActivity } from "./apply-activity";
import { applyMessage } from "./apply-message";
import { applyPart } from "./apply-part";
import { applyPrompt } from "./apply-prompt";
import { applyRequest } from "./apply-request";
import { applySession } from "./apply-session";
import { applyTool } from "./apply-tool";
import { applyTurn } from "./apply-turn";
import { PersistentList } from "./persistent-list";
import { PersistentMap } from "./persistent-map";
import type { Timeline } from "./state";
import type { RetryView } from "./view";

export type { Timeline } from "./state";

/** Events are missing between what a timeline holds and what it was given. Read the log again after `lastSeq`. */
export class TimelineGapError extends Error {
  override readonly name = "TimelineGapError";
  readonly code = "timeline_gap";
  constructor(
    readonly lastSeq: number,
    readonly gotSeq: number,
  ) {
    super(
      `Event ${gotSeq} came after event ${lastSeq}: ${lastSeq + 1} to ${gotSeq - 1} are missing. ` +
        `Read the session's events again after ${lastSeq}.`,
    );
  }
}

/** @param opts.afterSeq the first event to come is the one after this; for a reader who starts later than at 1 */
export function emptyTimeline(opts: { afterSeq?: number } = {}): Timeline {
  return {
    lastSeq: opts.afterSeq ?? 0,
    messages: PersistentList.empty(),
    hasOlder: false,
    messageIndex: PersistentMap.empty(),
    openMessageIds: [],
    queue: [],
    turns: PersistentMap.empty(),
    currentTurnId: null,
    requests: PersistentMap.empty(),
    openRequestIds: [],
    todos: [],
    childTodos: PersistentMap.empty(),
    children: [],
    changes: [],
    revertedFrom: null,
    restores: [],
    retry: null,
    errors: [],
    status: null,
    settings: {},
    totals: { tokens: { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }, cost: 0 },
  };
}

/**
 * The timeline after one more event; the one given stays as it is. Events that it holds already change nothing.
 * @throws TimelineGapError when events are missing in between.
 */
export function applyEvent(timeline: Timeline, event: SessionEvent): Timeline {
  if (event.seq <= timeline.lastSeq) return timeline;
  if (event.seq > timeline.lastSeq + 1) throw new TimelineGapError(timeline.lastSeq, event.seq);
  const applied = dispatch(timeline, event);
  return { ...applied, lastSeq: event.seq, retry: retryAfter(applied.retry, event) };
}

/** @throws TimelineGapError when the events are not dense. */
export function timelineOf(events: Iterable<SessionEvent>, from: Timeline = emptyTimeline()): Timeline {
  let timeline = from;
  for (const event of events) timeline = applyEvent(timeline, event);
  return timeline;
}

function dispatch(timeline: Timeline, event: SessionEvent): Timeline {
  switch (event.type) {
    case "session.status":
    case "session.updated":
    case "session.restored":
      return applySession(timeline, event);
    case "prompt.queued":
    case "prompt.edited":
    case "prompt.moved":
    case "prompt.started":
    case "prompt.cancelled":
      return applyPrompt(timeline, event);
    case "turn.started":
    case "turn.ended":
    case "turn.reverted":
      return applyTurn(timeline, event);
    case "message.started":
    case "message.ended":
    case "usage.updated":
      return applyMessage(timeline, event);
    case "part.started":
    case "part.delta":
    case "part.ended":
      return applyPart(timeline, event);
    case "tool.input":
    case "tool.output":
    case "tool.ended":
      return applyTool(timeline, event);
    case "request.opened":
    case "request.closed":
      return applyRequest(timeline, event);
    case "changes.updated":
    case "todo.updated":
    case "child.started":
    case "child.ended":
    case "retry.scheduled":
    case "error":
      return applyActivity(timeline, event);
  }
}

/** What the model brings after a retry was announced means that the wait is over, in its own conversation. */
function retryAfter(retry: RetryView | null, event: SessionEvent): RetryView | null {
  if (retry === null || event.type.startsWith("turn.")) return null;
  const childId = "childId" in event.data ? event.data.childId : undefined;
  const goesOn = /^(part|tool)\.|^(message|child)\.ended$/.test(event.type);
  return goesOn && childId === retry.childId ? null : retry;
}
