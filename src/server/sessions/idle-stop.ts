/** Stops sessions that nobody uses, after a warning. Time is that of a clock that only goes forward: a wrong date stops nothing. */
import type { Failure } from "../../../sidecar/src/contract";
import type { Clock } from "../clock";
import type { EventLog } from "../events/event-log";
import type { Database } from "../db/database";
import type { Logger } from "../log";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { idleDecision, idleReason } from "./decisions";
import { SESSION_LIMITS } from "./limits";
import { firstOpen } from "./running-prompt";
import { setStopsAt } from "./session-marks";
import { findSession, type SessionRow, sessionsInStatus } from "./session-store";

export interface IdleStop {
  /** Somebody looks at the session, and does so for {@link SESSION_LIMITS.watchMs} from now. */
  seen(sessionId: string): void;
  /** Somebody looks at the session until the returned function is called. */
  watch(sessionId: string): () => void;
  /** Resolves when no session is being looked at or stopped any more. */
  settled(): Promise<void>;
  /** Looks at every session once. Never throws; a second call while one runs does nothing. */
  check(): Promise<void>;
}

interface Deps {
  db: Database;
  log: EventLog;
  clock: Clock;
  logger: Logger;
  /** Minutes, for sessions that have no limit of their own; 0: never. */
  minutes(): number;
  clientOf(sessionId: string): Pick<SidecarClient, "listTerminals"> | null;
  stop(sessionId: string, reason: Failure, isStillIdle: () => boolean): Promise<void>;
}

interface Quiet {
  sinceMs: number;
  /** As of then: whatever is written to the session's log is use. */
  lastSeq: number;
  warnedAtMs: number | null;
}

export function createIdleStop(deps: Deps): IdleStop {
  const { db } = deps;
  const now = () => deps.clock.monotonicNow();
  const quiet = new Map<string, Quiet>();
  const seenAtMs = new Map<string, number>();
  const watchers = new Map<string, number>();
  let checking: Promise<void> | null = null;

  const isWatched = (id: string) =>
    (watchers.get(id) ?? 0) > 0 || now() - (seenAtMs.get(id) ?? -Infinity) < SESSION_LIMITS.watchMs;
  const isUsed = (row: SessionRow, since: Quiet) =>
    row.lastSeq !== since.lastSeq || isWatched(row.id) || firstOpen(db, row.id) !== undefined;

  const begin = (row: SessionRow): Quiet => {
    const since = { sinceMs: now(), lastSeq: row.lastSeq, warnedAtMs: null };
    quiet.set(row.id, since);
    // A warning of before, or of a server that has ended since.
    if (row.stopsAt !== null) deps.log.transaction((tx) => setStopsAt(tx, row.id, null));
    return since;
  };

  const warn = (row: SessionRow, since: Quiet, stopInMs: number | null) => {
    since.warnedAtMs = stopInMs === null ? null : now();
    const at = stopInMs === null ? null : new Date(deps.clock.now() + stopInMs).toISOString();
    deps.log.transaction((tx) => setStopsAt(tx, row.id, at));
  };
  const stop = (id: string, since: Quiet, limit: number) =>
    deps.stop(id, idleReason(limit), () => {
      const latest = findSession(db, id);
      return latest !== undefined && quiet.get(id) === since && !isUsed(latest, since);
    });

  const checkOne = async (row: SessionRow, minutes: number): Promise<void> => {
    let since = quiet.get(row.id);
    if (since === undefined || isUsed(row, since)) since = begin(row);
    const limit = row.idleStopMinutes ?? minutes;
    const warnedMs = since.warnedAtMs === null ? null : now() - since.warnedAtMs;
    const decision = idleDecision({ quietMs: now() - since.sinceMs, warnedMs }, limit);
    // With a warning: the limit was raised after it.
    if (decision.kind === "keep") return since.warnedAtMs === null ? undefined : warn(row, since, null);
    if (await isProgramRunning(deps, row.id)) return void begin(row);
    if (decision.kind === "warn") return warn(row, since, decision.stopInMs);
    if (decision.kind === "stop") await stop(row.id, since, limit);
  };

  const checkAll = async () => {
    const rows = sessionsInStatus(db, ["idle"]);
    const minutes = deps.minutes();
    const idle = new Set(rows.map(({ id }) => id));
    for (const id of quiet.keys()) if (!idle.has(id)) quiet.delete(id);
    for (const id of seenAtMs.keys()) if (!idle.has(id) && !isWatched(id)) seenAtMs.delete(id);
    for (const row of rows) {
      try {
        await checkOne(row, minutes);
      } catch (err) {
        deps.logger.warn(
          { sessionId: row.id, err },
          "an idle session could not be looked at; it is in a moment",
        );
      }
    }
  };

  return {
    seen(sessionId) {
      seenAtMs.set(sessionId, now());
      if (quiet.get(sessionId)?.warnedAtMs == null) return;
      const row = findSession(db, sessionId);
      if (row) begin(row);
    },
    watch(sessionId) {
      watchers.set(sessionId, (watchers.get(sessionId) ?? 0) + 1);
      return () => {
        const left = (watchers.get(sessionId) ?? 1) - 1;
        if (left > 0) watchers.set(sessionId, left);
        else watchers.delete(sessionId);
      };
    },
    settled: async () => void (await checking),
    check() {
      checking ??= checkAll()
        .catch((err: unknown) => deps.logger.warn({ err }, "idle sessions could not be looked at"))
        .finally(() => (checking = null));
      return checking;
    },
  };
}

/** Does somebody's program run in a terminal? A container that cannot be asked is left alone. */
async function isProgramRunning({ clientOf }: Deps, sessionId: string): Promise<boolean> {
  try {
    const terminals = await clientOf(sessionId)?.listTerminals();
    // An older sidecar does not tell.
    return (
      terminals === undefined || terminals.some(({ running, foreground }) => running && foreground !== false)
    );
  } catch (error) {
    if (error instanceof SidecarError) return true;
    throw error;
  }
}
