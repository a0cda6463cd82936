import type { Failure } from "../../../../../../sidecar/src/contract";
import type { Timeline } from "../../../../../timeline/timeline";
import type {
  ChildView,
  MessageView,
  RequestView,
  RestoreView,
  TurnView,
} from "../../../../../timeline/view";

/** A sub-agent's conversation, at the tool part that started it. */
export interface Thread {
  child: ChildView;
  messages: readonly MessageView[];
}

/** What a person asked and what the agent did about it. */
export interface Turn {
  /** Stays the same as long as the turn is shown. */
  key: string;
  person: MessageView | null;
  agent: readonly MessageView[];
  /** null for what was not run, and for what began before this timeline. */
  turn: TurnView | null;
  threads: readonly Thread[];
  /** Failures of the turn, each once. */
  failures: readonly Failure[];
  /** Answered requests that no tool shows. */
  answered: readonly RequestView[];
  reverted: boolean;
  /** The session went back to these snapshots just before it. */
  restores: readonly RestoreView[];
}

/**
 * Where to begin to show at least `count` messages before `end`: at what a person asked, so that no turn is cut in two
 * unless it is longer than three times that.
 */
export function startOf(timeline: Timeline, end: number, count: number): number {
  const wanted = Math.max(0, end - count);
  for (let place = wanted; place > Math.max(0, end - 3 * count); place -= 1) {
    if (beginsTurn(timeline.messages.at(place))) return place;
  }
  return wanted <= 2 * count ? 0 : wanted;
}

function beginsTurn(message: MessageView | undefined): boolean {
  return message?.role === "user" && message.childId === undefined;
}

/** The conversation from the message at `start` on, turn by turn. */
export function turnsOf(timeline: Timeline, start: number): Turn[] {
  const groups: MessageView[][] = [];
  const byChild = new Map<string, MessageView[]>();
  for (let place = start; place < timeline.messages.length; place += 1) {
    const message = timeline.messages.at(place);
    if (message === undefined) continue;
    if (message.childId !== undefined) {
      const thread = byChild.get(message.childId);
      if (thread) thread.push(message);
      else byChild.set(message.childId, [message]);
      continue;
    }
    const last = groups.at(-1);
    const first = last?.[0];
    if (last === undefined || first === undefined || startsAnew(first, message)) groups.push([message]);
    else last.push(message);
  }
  const revertedSeq = revertedFrom(timeline);
  return groups.map((messages, index) => {
    const from = messages[0]?.startedSeq ?? 0;
    const until = groups[index + 1]?.[0]?.startedSeq ?? Number.POSITIVE_INFINITY;
    const reverted = from >= revertedSeq || isUndone(timeline, from);
    const restores = restoresBetween(timeline, groups[index - 1]?.[0]?.startedSeq ?? 0, from);
    return turnOf(timeline, { messages, byChild, from, until, reverted, restores });
  });
}

/** What began after a snapshot that the session went back to later. */
function isUndone({ restores }: Timeline, seq: number): boolean {
  return restores.some((restore) => seq > restore.afterSeq && seq < restore.seq);
}

function restoresBetween({ restores }: Timeline, after: number, before: number): readonly RestoreView[] {
  return restores.length === 0 ? [] : restores.filter(({ seq }) => seq > after && seq < before);
}

/** Those that nothing came after yet. */
export function lastRestores(timeline: Timeline): readonly RestoreView[] {
  const last = timeline.messages.at(timeline.messages.length - 1)?.startedSeq ?? 0;
  return restoresBetween(timeline, last, Number.POSITIVE_INFINITY);
}

function startsAnew(first: MessageView, message: MessageView): boolean {
  if (message.role === "user" && message.parts.some((part) => part.kind !== "compaction")) return true;
  return message.turnId !== undefined && first.turnId !== undefined && message.turnId !== first.turnId;
}

interface Group {
  messages: MessageView[];
  byChild: ReadonlyMap<string, MessageView[]>;
  from: number;
  until: number;
  reverted: boolean;
  restores: readonly RestoreView[];
}

function turnOf(timeline: Timeline, group: Group): Turn {
  const { messages, from, until } = group;
  const [first] = messages;
  const person =
    first?.role === "user" && first.parts.some((part) => part.kind !== "compaction") ? first : null;
  const agent = person === null ? messages : messages.slice(1);
  const turnId = messages.find((message) => message.turnId !== undefined)?.turnId;
  const turn = (turnId === undefined ? undefined : timeline.turns.get(turnId)) ?? null;
  const errors = timeline.errors.filter((e) => e.childId === undefined && e.seq >= from && e.seq < until);
  return {
    key: person?.promptId ?? first?.turnId ?? first?.id ?? String(from),
    person,
    agent,
    turn,
    threads: threadsOf(timeline, agent, group.byChild),
    failures: eachOnce([
      ...messages.flatMap((m) => m.error ?? []),
      ...errors,
      ...(turn?.error ? [turn.error] : []),
    ]),
    answered: answeredIn(timeline, agent),
    reverted: group.reverted,
    restores: group.restores,
  };
}

function threadsOf(
  timeline: Timeline,
  agent: readonly MessageView[],
  byChild: ReadonlyMap<string, MessageView[]>,
): Thread[] {
  if (timeline.children.length === 0) return [];
  const ids = new Set(agent.map((message) => message.id));
  return timeline.children
    .filter((child) => child.messageId !== undefined && ids.has(child.messageId))
    .map((child) => ({ child, messages: byChild.get(child.childId) ?? [] }));
}

/** Those that name a message of the turn and no part. */
function answeredIn(timeline: Timeline, agent: readonly MessageView[]): RequestView[] {
  if (timeline.requests.size === timeline.openRequestIds.length) return [];
  const ids = new Set(agent.map((message) => message.id));
  return [...timeline.requests]
    .map(([, request]) => request)
    .filter(
      (r) =>
        r.outcome !== null && r.partId === undefined && r.messageId !== undefined && ids.has(r.messageId),
    );
}

function revertedFrom(timeline: Timeline): number {
  const { revertedFrom: id } = timeline;
  const place = id === null ? undefined : timeline.messageIndex.get(id);
  return (
    (place === undefined ? undefined : timeline.messages.at(place)?.startedSeq) ?? Number.POSITIVE_INFINITY
  );
}

/** The same failure is told as an event, by the message and by the turn. */
function eachOnce(failures: readonly Failure[]): Failure[] {
  return failures.filter(
    (failure, index) =>
      failures.findIndex((other) => other.code === failure.code && other.message === failure.message) ===
      index,
  );
}

/** Would both be drawn alike? Timeline objects are never changed in place, so the same object is the same content. */
export function sameTurn(a: Turn, b: Turn): boolean {
  return (
    a.key === b.key &&
    a.person === b.person &&
    a.turn === b.turn &&
    a.reverted === b.reverted &&
    sameItems(a.restores, b.restores) &&
    sameItems(a.agent, b.agent) &&
    sameThreads(a.threads, b.threads) &&
    sameItems(a.answered, b.answered) &&
    a.failures.length === b.failures.length &&
    a.failures.every((failure, index) => failure.message === b.failures[index]?.message)
  );
}

export function sameThreads(a: readonly Thread[], b: readonly Thread[]): boolean {
  return (
    a.length === b.length &&
    a.every((thread, index) => {
      const other = b[index];
      return other?.child === thread.child && sameItems(thread.messages, other.messages);
    })
  );
}

export function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** Answered requests by the tool part that waited for them. */
export function answeredByPart(
  timeline: Pick<Timeline, "requests">,
): ReadonlyMap<string, readonly RequestView[]> {
  const byPart = new Map<string, RequestView[]>();
  for (const [, request] of timeline.requests) {
    if (request.outcome === null || request.partId === undefined) continue;
    byPart.set(request.partId, [...(byPart.get(request.partId) ?? []), request]);
  }
  return byPart;
}
