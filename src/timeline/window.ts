import { answeredRequests, openRequests } from "./apply-request";
import { PersistentList } from "./persistent-list";
import { PersistentMap } from "./persistent-map";
import type { Timeline } from "./state";
import { emptyTimeline } from "./timeline";
import type { MessageView, RequestView, TodoView, TurnView } from "./view";

/** A timeline without its messages, as plain data: with a window's messages, enough to go on from `lastSeq`. */
export interface TimelineSummary extends Pick<
  Timeline,
  | "currentTurnId"
  | "todos"
  | "children"
  | "changes"
  | "revertedFrom"
  | "restores"
  | "retry"
  | "errors"
  | "status"
  | "settings"
  | "totals"
> {
  /** Of the window's messages, and the one that runs. */
  turns: TurnView[];
  /** Those that wait for an answer. */
  requests: RequestView[];
  /** Those of the window's messages that were answered, without their detail. */
  answered: RequestView[];
  childTodos: Record<string, readonly TodoView[]>;
}

export interface TimelineWindow {
  /** In order; in the newest window the waiting prompts come last, in state `queued`. */
  messages: MessageView[];
  lastSeq: number;
  /** Older messages exist: ask again with the first message's `startedSeq` as `beforeSeq`. */
  hasMore: boolean;
  summary: TimelineSummary;
}

/**
 * The last `limit` messages that began before `beforeSeq`. Waiting prompts are not counted, and stand in the newest
 * window alone.
 */
export function timelineWindow(
  timeline: Timeline,
  opts: { beforeSeq?: number; limit: number },
): TimelineWindow {
  const end = opts.beforeSeq === undefined ? timeline.messages.length : placeOf(timeline, opts.beforeSeq);
  const start = Math.max(0, end - opts.limit);
  const messages = timeline.messages.slice(start, end);
  return {
    messages: opts.beforeSeq === undefined ? [...messages, ...timeline.queue] : messages,
    lastSeq: timeline.lastSeq,
    hasMore: start > 0 || timeline.hasOlder,
    summary: summaryOf(timeline, messages),
  };
}

/** A timeline that goes on where the newest window ended, for a reader who does not replay the log. */
export function timelineFromWindow(newest: TimelineWindow): Timeline {
  const { turns, requests, answered, childTodos, ...rest } = newest.summary;
  const messages = newest.messages.filter((message) => message.state !== "queued");
  return {
    ...emptyTimeline({ afterSeq: newest.lastSeq }),
    ...rest,
    ...holding(messages),
    hasOlder: newest.hasMore,
    queue: newest.messages.filter((message) => message.state === "queued"),
    turns: PersistentMap.from(turns.map((turn) => [turn.turnId, turn])),
    requests: byId([...answered, ...requests]),
    openRequestIds: requests.map((request) => request.requestId),
    childTodos: PersistentMap.from(Object.entries(childTodos)),
  };
}

/**
 * The timeline with older messages before its own.
 * @param older the window before the timeline's first message, as it is at the timeline's `lastSeq`
 */
export function withOlder(
  timeline: Timeline,
  older: {
    messages: readonly MessageView[];
    hasMore: boolean;
    turns: Iterable<TurnView>;
    answered: Iterable<RequestView>;
  },
): Timeline {
  const turns = new Map([...older.turns].map((turn) => [turn.turnId, turn]));
  for (const [turnId, turn] of timeline.turns) turns.set(turnId, turn);
  const own = [...timeline.requests].map(([, request]) => request);
  return {
    ...timeline,
    ...holding([...older.messages, ...timeline.messages.slice()]),
    hasOlder: older.hasMore,
    turns: PersistentMap.from(turns),
    requests: byId([...older.answered, ...own]),
  };
}

/** The later of two with the same id stands. */
function byId(requests: readonly RequestView[]): Timeline["requests"] {
  return PersistentMap.from(requests.map((request) => [request.requestId, request]));
}

function holding(
  messages: readonly MessageView[],
): Pick<Timeline, "messages" | "messageIndex" | "openMessageIds"> {
  const index = messages.flatMap((message, place): [string, number][] => [
    [message.id, place],
    ...(message.promptId === undefined ? [] : [[message.promptId, place] as [string, number]]),
  ]);
  return {
    messages: PersistentList.from(messages),
    messageIndex: PersistentMap.from(index),
    openMessageIds: messages.filter((message) => message.state === "streaming").map((message) => message.id),
  };
}

/** Place of the first message that began at `seq` or later. They stand in the order of their `startedSeq`. */
export function placeOf(timeline: Timeline, seq: number): number {
  let low = 0;
  let high = timeline.messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timeline.messages.at(middle)?.startedSeq ?? seq) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function summaryOf(timeline: Timeline, messages: readonly MessageView[]): TimelineSummary {
  const ids = new Set(messages.flatMap((message) => message.turnId ?? []));
  if (timeline.currentTurnId !== null) ids.add(timeline.currentTurnId);
  return {
    currentTurnId: timeline.currentTurnId,
    todos: timeline.todos,
    children: timeline.children,
    changes: timeline.changes,
    revertedFrom: timeline.revertedFrom,
    restores: timeline.restores,
    retry: timeline.retry,
    errors: timeline.errors,
    status: timeline.status,
    settings: timeline.settings,
    totals: timeline.totals,
    turns: [...ids].flatMap((id) => timeline.turns.get(id) ?? []),
    requests: openRequests(timeline),
    answered: answeredRequests(timeline, new Set(messages.map((message) => message.id))),
    childTodos: Object.fromEntries(timeline.childTodos),
  };
}
