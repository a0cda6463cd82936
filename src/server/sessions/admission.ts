import type { Database, Store } from "../db/database";
import { AppError } from "../errors";
import type { EventLog, LogTransaction } from "../events/event-log";
import type { Logger } from "../log";
import { SESSION_LIMITS } from "./limits";
import {
  countRunning,
  countWaiting,
  createPlaces,
  nextInLine,
  putInLine,
  takeOutOfLine,
  tellWhatFor,
  type WaitingSession,
} from "./line";
import { type Provisioner, untilWritten } from "./provisioner";
import { findSession, setStatus } from "./session-store";

/**
 * Which sessions are started, and when: no more run than may run at a time, and only a few are started at once. The others
 * wait in line and keep their place over a restart of the server.
 */
export interface Admission {
  /** @throws AppError `session_limit` when nobody more may wait in line */
  requireRoom(store: Store): void;
  /**
   * In the transaction in which a session becomes `creating`: it gets a place in line if it must wait. {@link begin} follows.
   * @param opts.first it ran a moment ago: if it must wait at all, then before those that did not
   */
  lineUp(tx: LogTransaction, sessionId: string, opts?: { first?: boolean }): void;
  /** Starts a session that does not have to wait; in the same tick as {@link lineUp}. */
  begin(sessionId: string): void;
  isStarting(sessionId: string): boolean;
  /** Calls off its start. Its status is left to the caller; who waits leaves the line by a change of status alone. */
  cancel(sessionId: string): Promise<void>;
  /** Starts those whose turn it is. Call it when a session ended. */
  next(): void;
  /** Rows and containers are one truth since the server's start: from now on the line moves. */
  open(): void;
  /** The engine does not answer: nobody in line is started, only to fail, until it does. */
  hold(): void;
  /** Waits for what is being started. Those in line keep their places. */
  close(): Promise<void>;
}

interface Deps {
  db: Database;
  log: EventLog;
  logger: Logger;
  provisioner: Provisioner;
  /** Sessions that may run at a time. */
  maxSessions: number;
  /** Rejects while the engine does not answer. */
  ping(): Promise<unknown>;
  /** A session has been started, or has failed to. */
  onStarted(sessionId: string): Promise<void>;
  /** The server ends: nobody is started any more, and what is being started is called off. */
  signal: AbortSignal;
}

/** @param free how many more may run, and how many more may be started at once */
export function admitted(free: { places: number; starts: number }): number {
  return Math.max(0, Math.min(free.places, free.starts));
}

export function createAdmission(deps: Deps): Admission {
  const { db, log, logger, signal } = deps;
  const starting = new Map<string, { abort: AbortController; done: Promise<void> }>();
  /** Those of `starting` that take a start's place: not those that are only handed their first prompt. */
  const provisioning = new Set<string>();
  /** When those in line were put there, for the metrics alone: it does not outlive the server. */
  const wishedAt = new Map<string, number>();
  const nextPlace = createPlaces(db);
  let isOpen = false;
  let isHeld = false;
  let retry: NodeJS.Timeout | undefined;

  const freeNow = (store: Store) => ({
    places: deps.maxSessions - countRunning(store),
    starts: SESSION_LIMITS.concurrentStarts - provisioning.size,
  });
  const tell = (store: Store) => tellWhatFor(store, isHeld ? "engine" : { places: freeNow(store).places });

  /** @param place where it waited; null when it did not, and fails at once where the engine is away */
  const provision = async (sessionId: string, place: WaitingSession | null, abort: AbortSignal) => {
    const since = wishedAt.get(sessionId) ?? performance.now();
    const outcome = await deps.provisioner.provision(
      { sessionId, since, waitsForEngine: place !== null },
      abort,
    );
    if (outcome === "ended" || place === null) {
      wishedAt.delete(sessionId);
      return;
    }
    hold();
    await untilWritten(deps, abort, () =>
      log.transaction((tx) => {
        setStatus(tx, sessionId, { status: "creating", agentState: "waking" });
        putInLine(tx.store, place);
        tell(tx.store);
      }),
    );
  };

  const start = (sessionId: string, place: WaitingSession | null = null) => {
    const abort = new AbortController();
    provisioning.add(sessionId);
    const done = provision(sessionId, place, AbortSignal.any([abort.signal, signal]))
      .finally(() => {
        provisioning.delete(sessionId);
        next();
      })
      .then(() => deps.onStarted(sessionId))
      .catch((err: unknown) => logger.error({ sessionId, err }, "start failed"))
      .finally(() => {
        if (starting.get(sessionId)?.abort === abort) starting.delete(sessionId);
      });
    starting.set(sessionId, { abort, done });
  };

  const admit = (): WaitingSession[] => {
    if (countWaiting(db) === 0) return [];
    return log.transaction(({ store }) => {
      const turn = isHeld ? [] : nextInLine(store, admitted(freeNow(store)));
      takeOutOfLine(
        store,
        turn.map(({ id }) => id),
      );
      tell(store);
      return turn;
    });
  };

  const next = () => {
    clearTimeout(retry);
    if (!isOpen || signal.aborted) return;
    try {
      for (const session of admit()) start(session.id, session);
    } catch (err) {
      // Such as on a full disk: nobody has lost a place.
      logger.error({ err }, "the line of sessions could not move on; it does in a moment");
      retry = setTimeout(next, SESSION_LIMITS.writeRetryMs);
      retry.unref();
    }
  };

  const hold = () => {
    if (isHeld) return;
    isHeld = true;
    next();
    const look = () => {
      if (signal.aborted) return;
      deps.ping().then(
        () => {
          isHeld = false;
          next();
        },
        () => setTimeout(look, SESSION_LIMITS.engineAwayRetryMs).unref(),
      );
    };
    setTimeout(look, SESSION_LIMITS.engineAwayRetryMs).unref();
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
      // The session itself is among those that run.
      const { places, starts } = freeNow(store);
      const isBehind = !first && countWaiting(store) > 0;
      if (!isBehind && admitted({ places: places + 1, starts }) > 0) return;
      putInLine(store, { id: sessionId, place: nextPlace({ first }) });
      tell(store);
    },
    begin(sessionId) {
      if (findSession(db, sessionId)?.queuePlace === null) start(sessionId);
      else wishedAt.set(sessionId, performance.now());
    },
    isStarting: (sessionId) => starting.has(sessionId),
    async cancel(sessionId) {
      wishedAt.delete(sessionId);
      const run = starting.get(sessionId);
      run?.abort.abort();
      await run?.done;
    },
    next,
    open() {
      isOpen = true;
      next();
    },
    hold,
    async close() {
      clearTimeout(retry);
      await Promise.all([...starting.values()].map((run) => run.done));
    },
  };
}
