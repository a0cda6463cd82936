import type { Database, Store } from "../db/database";
import type { QueueReason } from "../db/schema";
import { AppError } from "../errors";
import type { EventLog, LogTransaction } from "../events/event-log";
import type { Logger } from "../log";
import { SESSION_LIMITS } from "./limits";
import { countRunning, countWaiting, nextInLine, putInLine, setQueueReason, takeOutOfLine } from "./line";
import type { Provisioner } from "./provisioner";
import { findSession } from "./session-store";

/**
 * Which sessions are started, and when: no more run than may run at a time, and only a few are started at once. The others
 * wait in line and keep their place over a restart of the server.
 */
export interface Admission {
  /** @throws AppError `session_limit` when nobody more may wait in line */
  requireRoom(store: Store): void;
  /**
   * In the transaction in which a session becomes `creating`: it gets a place in line if it must wait. {@link begin} follows.
   * @param opts.first it ran a moment ago, and waits before all others if it must wait at all
   */
  lineUp(tx: LogTransaction, sessionId: string, opts?: { first?: boolean }): void;
  /** Starts a session that does not have to wait; in the same tick as {@link lineUp}. */
  begin(sessionId: string): void;
  isStarting(sessionId: string): boolean;
  /** Takes a session out of the line, before anything is awaited, and calls off its start. Its status is left to the caller. */
  cancel(sessionId: string): Promise<void>;
  /** Starts those whose turn it is. Call it when a session ended. */
  next(): void;
  /** The engine is there, and rows and containers are one truth: the line moves on. */
  open(): void;
  /** The engine does not answer: nobody in line is started, only to fail. Until the first {@link open} it is so too. */
  hold(): void;
  /** Calls off what is being started and waits for it. Those in line keep their places. */
  close(): Promise<void>;
}

interface Deps {
  db: Database;
  log: EventLog;
  logger: Logger;
  provisioner: Provisioner;
  /** Sessions that may run at a time. */
  maxSessions: number;
  /** A session has been started, or has failed to. */
  onStarted(sessionId: string): Promise<void>;
}

/** @param free how many more may run, and how many more may be started at once */
export function admitted(free: { places: number; starts: number }): number {
  return Math.max(0, Math.min(free.places, free.starts));
}

/** @param free what was left when the last one was admitted */
export function waitsFor(free: { places: number }): QueueReason {
  return free.places <= 0 ? "session_limit" : "session_busy";
}

export function createAdmission(deps: Deps): Admission {
  const { db, log, logger } = deps;
  const starting = new Map<string, { abort: AbortController; done: Promise<void> }>();
  /** When starts were wished for, for the metrics alone: after a restart of the server, that is when their turn comes. */
  const wishedAt = new Map<string, number>();
  const closing = new AbortController();
  /** `comparing`: rows and containers, before the line moves for the first time. */
  let state: "comparing" | "open" | "held" = "comparing";
  let retry: NodeJS.Timeout | undefined;

  const freeNow = (store: Store) => ({
    places: deps.maxSessions - countRunning(store),
    starts: SESSION_LIMITS.concurrentStarts - starting.size,
  });

  const start = (sessionId: string) => {
    const abort = new AbortController();
    const since = wishedAt.get(sessionId) ?? performance.now();
    wishedAt.delete(sessionId);
    const done = deps.provisioner
      .provision(sessionId, since, AbortSignal.any([abort.signal, closing.signal]))
      .then(() => deps.onStarted(sessionId))
      .catch((err: unknown) => logger.error({ sessionId, err }, "start failed"))
      .finally(() => {
        if (starting.get(sessionId)?.abort === abort) starting.delete(sessionId);
        next();
      });
    starting.set(sessionId, { abort, done });
  };

  const admit = (): string[] => {
    if (countWaiting(db) === 0) return [];
    return log.transaction(({ store }) => {
      const free = freeNow(store);
      const ids = nextInLine(store, admitted(free));
      takeOutOfLine(store, ids);
      setQueueReason(store, waitsFor({ places: free.places - ids.length }));
      return ids;
    });
  };

  const next = () => {
    clearTimeout(retry);
    if (closing.signal.aborted) return;
    try {
      if (state === "open") for (const sessionId of admit()) start(sessionId);
      if (state === "held" && countWaiting(db) > 0)
        log.transaction(({ store }) => setQueueReason(store, "engine_unreachable"));
    } catch (err) {
      // Such as on a full disk: nobody has lost a place.
      logger.error({ err }, "the line of sessions could not move on; it does in a moment");
      retry = setTimeout(next, SESSION_LIMITS.writeRetryMs);
    }
  };

  return {
    requireRoom(store) {
      if (countWaiting(store) < SESSION_LIMITS.maxWaitingSessions) return;
      throw new AppError(
        "CONFLICT",
        "session_limit",
        `${SESSION_LIMITS.maxWaitingSessions} sessions wait in line already, as many as may. Stop some that run, or take some out of the line.`,
      );
    },
    lineUp({ store }, sessionId, { first = false } = {}) {
      wishedAt.set(sessionId, performance.now());
      // The session itself is among those that run.
      const { places, starts } = freeNow(store);
      const free = { places: places + 1, starts };
      const isBehind = !first && countWaiting(store) > 0;
      if (isBehind || admitted(free) === 0)
        putInLine(store, sessionId, {
          first,
          reason: state === "held" ? "engine_unreachable" : waitsFor(free),
        });
    },
    begin(sessionId) {
      if (findSession(db, sessionId)?.queuePlace === null) start(sessionId);
    },
    isStarting: (sessionId) => starting.has(sessionId),
    async cancel(sessionId) {
      wishedAt.delete(sessionId);
      if ((findSession(db, sessionId)?.queuePlace ?? null) !== null)
        log.transaction(({ store }) => takeOutOfLine(store, [sessionId]));
      const run = starting.get(sessionId);
      run?.abort.abort();
      await run?.done;
    },
    next,
    open() {
      state = "open";
      next();
    },
    hold() {
      if (state === "held") return;
      state = "held";
      next();
    },
    async close() {
      closing.abort();
      clearTimeout(retry);
      await Promise.all([...starting.values()].map((run) => run.done));
    },
  };
}
