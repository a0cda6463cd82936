import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "../db/database";
import { lastSeqOf } from "../events/stored-events";
import type { Logger } from "../log";
import { allOf } from "./backfill";
import { createBell } from "./bell";
import type { DirtyMarks, Parked } from "./dirty-marks";
import { createHalving } from "./halving";
import { type Draft, draftBatch, emptyBatch } from "./mirror-batch";
import { MirrorError, type MirrorTarget } from "./mirror-target";
import { leaveOut } from "./refusal";
import { createReleases } from "./releases";

/** What other processes mark, such as the command line, is seen this soon. */
const LOOK_EVERY_MS = 1_000;
/** Sessions whose position is asked for in one go. */
const ASKED_AT_ONCE = 20;
const RETRY_MS = { first: 500, most: 15_000 };
/** A batch of so many marks lasts an interval; one of more lasts longer, as many times at most. */
const PACE = { marks: 5, most: 4 };

/** How far the mirror is behind. */
export interface MirrorLag {
  /** Changes that it has still to be told; those that it refused are not among them. */
  waiting: number;
  /** How long the oldest of them waits; 0 when none does. */
  oldestMs: number;
  /** Rows and events that the mirror refused. */
  parked: number;
}

export interface PusherHealth extends Omit<MirrorLag, "parked"> {
  /** Since when nothing gets through, in ms of the monotonic clock; null when it does. */
  failingSinceMs: number | null;
  /** Technical: the last failure. */
  detail: string | null;
  /** What the mirror refused. */
  parked: Parked[];
}

/** Tells the mirror what changed: in order, one batch at a time, as often as it takes. */
export interface Pusher {
  /** Something may have changed. Cheap; call it after each transaction. */
  wake(): void;
  /** Resolves when everything known so far is told, whatever came in since; rejects when the pusher is closed before. */
  drained(): Promise<void>;
  health(): PusherHealth;
  /** Sessions of which the mirror has events, as far as it was told or asked here, and the seq of the last. */
  holding(): Map<string, number>;
  /** The mirror is to let go of the events that it has of this session, unless it runs or gets more before. */
  release(sessionId: string): void;
  /** Ends after the batch that is on its way. */
  close(): Promise<void>;
}

interface Waiter {
  /** Number of the last mark that it waits for; null: not looked at yet. */
  upTo: number | null;
  resolve(): void;
  reject(error: Error): void;
}

interface Deps {
  db: Database;
  target: MirrorTarget;
  dirty: DirtyMarks;
  log: Pick<Logger, "warn" | "error" | "info">;
  /** What comes before the first batch; tried again until it succeeds. */
  begin: () => Promise<void>;
  /** From the start of one batch to the next, at least; up to {@link PACE} times that while many sessions write. */
  intervalMs: number;
  /** Of a clock that only goes forward. */
  now: () => number;
}

export function createPusher(deps: Deps): Pusher {
  const { db, target, dirty, log, now } = deps;
  const bell = createBell();
  const closing = new AbortController();
  const positions = new Map<string, number>();
  /** Sessions that the mirror has let go of and has not got back whole. */
  const renewing = new Set<string>();
  const waiting = new Set<Waiter>();
  const state = { failingSinceMs: null as number | null, detail: null as string | null };
  const halving = createHalving();
  const releases = createReleases({ ...deps, hasMoved: (sessionId) => positions.has(sessionId) });
  let retryMs = RETRY_MS.first;
  let nextAt = -Infinity;
  let hasBegun = false;
  let isQuiet = false;
  let isUntidy = false;

  const failed = async (error: unknown) => {
    if (closing.signal.aborted) return;
    if (state.failingSinceMs === null) {
      state.failingSinceMs = now();
      log.warn({ err: error }, "the mirror does not take what it is sent; it is tried again");
    }
    state.detail = error instanceof Error ? error.message : String(error);
    await bell.pause(retryMs * (0.75 + Math.random() / 2), closing.signal);
    retryMs = Math.min(retryMs * 2, RETRY_MS.most);
  };
  const succeeded = () => {
    if (state.failingSinceMs !== null) log.info({}, "the mirror takes what it is sent again");
    Object.assign(state, { failingSinceMs: null, detail: null });
    retryMs = RETRY_MS.first;
  };

  /** Asks for positions that are not known. A mirror that is ahead is of another past: its session begins afresh. */
  const learnPositions = async () => {
    const unknown: string[] = [];
    for (const { topic, key } of dirty.due()) {
      if ((topic === "events" || topic === "rebuild") && !positions.has(key)) unknown.push(key);
      if (unknown.length === ASKED_AT_ONCE) break;
    }
    await Promise.all(
      unknown.map(async (sessionId) => {
        const there = await target.position(sessionId);
        const here = lastSeqOf(db, sessionId);
        if (here !== undefined && there > here) {
          await target.push({ ...emptyBatch(), removed: [sessionId] });
          dirty.add(allOf(db, sessionId));
        }
        positions.set(sessionId, here !== undefined && there > here ? 0 : there);
      }),
    );
  };

  const accept = (draft: Draft) => {
    dirty.done(draft.finished);
    for (const [sessionId, seq] of draft.positions) positions.set(sessionId, seq);
    for (const sessionId of draft.batch.removed) {
      if (draft.positions.get(sessionId) !== 0) continue;
      positions.delete(sessionId);
      dirty.forgetReplaced(sessionId);
    }
    for (const { topic, key } of draft.marks) if (topic === "rebuild") renewing.add(key);
    for (const { topic, key } of draft.finished) if (topic === "rebuild") renewing.delete(key);
    halving.accepted();
  };

  /** Finds the one row or event that is refused by halving. */
  const refuse = async (draft: Draft, error: MirrorError) => {
    if (halving.halve(draft)) return;
    await leaveOut({ ...deps, forgetPosition: (sessionId) => positions.delete(sessionId) }, draft, error);
    halving.found();
  };

  const step = async () => {
    await learnPositions();
    const startedAt = now();
    const draft = draftBatch(db, dirty.due(), {
      most: halving.most(),
      now,
      positionOf: (sessionId) => positions.get(sessionId),
      renewing,
      replaced: dirty.replaced,
    });
    nextAt = startedAt + deps.intervalMs * Math.min(Math.max(draft.marks.length / PACE.marks, 1), PACE.most);
    if (draft.marks.length === 0) return;
    try {
      await target.push(draft.batch);
      accept(draft);
    } catch (error) {
      if (!(error instanceof MirrorError) || error.code === "unreachable") throw error;
      const { gap } = error.opts;
      if (gap) {
        log.warn({ ...gap }, "the mirror lacks events; they are sent again");
        positions.set(gap.sessionId, gap.lastSeq);
      } else await refuse(draft, error);
    }
  };

  const hasWork = () => {
    dirty.load();
    const oldest = dirty.oldestDue();
    for (const waiter of waiting) {
      waiter.upTo ??= dirty.newest();
      if (oldest !== null && oldest <= waiter.upTo) continue;
      waiting.delete(waiter);
      waiter.resolve();
    }
    return oldest !== null;
  };

  /** Marks that stay are told once more after a restart, which changes nothing: no reason to call the mirror away. */
  const tidy = () => {
    try {
      dirty.clear();
      isUntidy = false;
    } catch (error) {
      if (!isUntidy) log.warn({ err: error }, "what the mirror was told stays marked; it is tried again");
      isUntidy = true;
    }
  };

  const release = async () => {
    if (releases.dueInMs() === 0) await releases.step();
  };

  const drain = async () => {
    // The transaction that rang is behind us then.
    await nextTurn();
    while (!closing.signal.aborted) {
      try {
        if (!hasBegun) await deps.begin();
        hasBegun = true;
        if (!hasWork()) {
          succeeded();
          // That waits for the disk: right after a batch it would keep the host from telling its subscribers.
          if (isQuiet) tidy();
          await release();
          return;
        }
        await bell.pause(nextAt - now(), closing.signal);
        await step();
        succeeded();
        await release();
      } catch (error) {
        await failed(error);
      }
    }
  };

  const run = async () => {
    while (!closing.signal.aborted) {
      await drain();
      const waitMs = Math.min(LOOK_EVERY_MS, releases.dueInMs());
      const hasRung = await bell.rungWithin(waitMs, closing.signal);
      isQuiet = !hasRung && waitMs === LOOK_EVERY_MS;
    }
    for (const { reject } of waiting) reject(closed());
    waiting.clear();
  };
  const running = run();
  return {
    wake: bell.ring,
    drained: () =>
      new Promise((resolve, reject) => {
        if (closing.signal.aborted) reject(closed());
        else waiting.add({ upTo: null, resolve, reject });
        bell.ring();
      }),
    health() {
      const { failingSinceMs, detail } = state;
      const { count, sinceMs } = dirty.waiting();
      // What was not taken in yet waits since nothing gets through.
      const since = Math.min(sinceMs ?? Infinity, failingSinceMs ?? Infinity, now());
      const oldestMs = count === 0 ? 0 : now() - since;
      return { failingSinceMs, detail, parked: dirty.parked(), waiting: count, oldestMs };
    },
    holding: () => new Map([...positions].filter(([, seq]) => seq > 0)),
    release(sessionId) {
      const upToSeq = positions.get(sessionId);
      if (upToSeq === undefined) return;
      releases.add(sessionId, upToSeq);
      // What it has is not known until it has let go of all: who needs to know asks it.
      positions.delete(sessionId);
      bell.ring();
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}

function closed(): Error {
  return new Error("The mirror's pusher was closed.");
}
