import type { Timeline } from "../../timeline/timeline";
import { timelineFromWindow, type TimelineWindow } from "../../timeline/window";
import { applyRow } from "./apply-row";
import { createEventFeed } from "./event-feed";
import { joinOlder, keepingOlder } from "./older-messages";
import type { EventRow } from "./parse-event";
import type { SessionSource } from "./session-source";

/** A session's timeline: a snapshot of the server's, the mirror's events after it, and older messages on demand. */
export interface LiveTimeline {
  /** null until the first snapshot is here. */
  current(): Timeline | null;
  /** Of the last event that is here, be it shown or about to be; 0 without one. */
  lastSeq(): number;
  /** Nothing more comes until a snapshot is read. */
  isStale(): boolean;
  /** Shows a fresh snapshot; asked again meanwhile, the same one. What goes wrong is told to `onFailed`. */
  readAfresh(): Promise<void>;
  /** The log was put back and goes on with other events under the same numbers: the next snapshot counts alone. */
  rewind(): void;
  /** @throws when the server does not answer; what is shown stays */
  loadOlder(): Promise<void>;
  close(): void;
}

const LOAD_TRIES = 3;
/** Events that older messages may have changed by while they were on their way. */
const RECENT = 2_000;

export function createLiveTimeline(deps: {
  readWindow: SessionSource["timeline"];
  watchWindow: SessionSource["watchWindow"];
  /** Runs it once, before the page is next drawn. @returns cancels */
  frame(act: () => void): () => void;
  onChange(timeline: Timeline): void;
  onFailed(cause: unknown): void;
  /** The log is known to have this event. */
  onHeardOf(seq: number): void;
}): LiveTimeline {
  let timeline: Timeline | null = null;
  let pending: EventRow[] = [];
  let recent: readonly EventRow[] = [];
  let waiters: { seq: number; go: () => void }[] = [];
  let isStale = true;
  let isRewound = false;
  let gapAfterSeq: number | null = null;
  let isClosed = false;
  let cancelFrame: (() => void) | null = null;

  const lastSeq = () => pending.at(-1)?.seq ?? timeline?.lastSeq ?? 0;
  const change = (next: Timeline) => {
    timeline = next;
    letGoOn(({ seq }) => seq <= next.lastSeq);
    deps.onChange(next);
  };
  const flush = () => {
    cancelFrame = null;
    if (timeline === null) return;
    const next = pending.reduce(applyRow, timeline);
    recent = [...recent, ...pending].slice(-RECENT);
    pending = [];
    change(next);
  };
  const dropPending = () => {
    cancelFrame?.();
    cancelFrame = null;
    pending = [];
  };
  const feed = createEventFeed({
    watchWindow: deps.watchWindow,
    onEvents(rows) {
      pending.push(...rows);
      cancelFrame ??= deps.frame(flush);
    },
    onGap() {
      isStale = true;
      // A snapshot that led to the same gap again would be read without end; the next check of the server tries it.
      if (gapAfterSeq === lastSeq()) return;
      gapAfterSeq = lastSeq();
      void readAfresh();
    },
  });

  const show = (fresh: Timeline) => {
    const next = timeline === null || isRewound ? fresh : keepingOlder(fresh, timeline);
    dropPending();
    recent = [];
    isStale = false;
    isRewound = false;
    change(next);
    // Who waits for an event looks again: it may never come.
    letGoOn(() => true);
    feed.start(next.lastSeq);
  };
  const read = async () => {
    let seqBefore: number;
    do {
      seqBefore = lastSeq();
      const fresh = timelineFromWindow(await deps.readWindow({}));
      if (isClosed) return;
      isRewound ||= fresh.lastSeq < seqBefore;
      // The mirror may have been quicker.
      if (isRewound || (isStale ? fresh.lastSeq >= lastSeq() : fresh.lastSeq > lastSeq())) show(fresh);
    } while (isStale && lastSeq() !== seqBefore);
  };
  const readAfresh = sharing(() => read().catch(deps.onFailed));

  /** Until the page shows this event, or something else altogether. */
  const reached = async (seq: number) => {
    if (isClosed || (timeline?.lastSeq ?? 0) >= seq) return;
    await new Promise<void>((go) => {
      waiters.push({ seq, go });
      deps.onHeardOf(seq);
    });
  };
  const letGoOn = (isReady: (waiter: { seq: number }) => boolean) => {
    const ready = waiters.filter(isReady);
    waiters = waiters.filter((waiter) => !ready.includes(waiter));
    for (const { go } of ready) go();
  };
  const loadOlder = sharing(async () => {
    for (let tries = 0; tries < LOAD_TRIES && !isClosed; tries += 1) {
      const beforeSeq = timeline?.hasOlder === true ? timeline.messages.at(0)?.startedSeq : undefined;
      if (beforeSeq === undefined) return;
      const older: TimelineWindow = await deps.readWindow({ beforeSeq });
      await reached(older.lastSeq);
      if (isClosed) return;
      const joined = timeline === null ? null : joinOlder(timeline, { older, beforeSeq, recent });
      if (joined !== null) return change(joined);
    }
    if (!isClosed) throw new Error("Older messages changed while they were read. Try again.");
  });

  return {
    current: () => timeline,
    lastSeq,
    isStale: () => isStale,
    readAfresh,
    rewind() {
      isRewound = true;
      isStale = true;
      feed.close();
    },
    loadOlder,
    close() {
      isClosed = true;
      dropPending();
      feed.close();
      letGoOn(() => true);
    },
  };
}

/** One at a time: who asks while it goes on gets the same. */
function sharing(act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => (running ??= act().finally(() => (running = null)));
}
