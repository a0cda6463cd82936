import type { Database } from "../db/database";
import type { Logger } from "../log";
import { isLive } from "../sessions/decisions";
import { findSession } from "../sessions/session-store";
import type { DirtyMarks } from "./dirty-marks";
import { MirrorError, type MirrorTarget } from "./mirror-target";

/** From the end of one call to the next: at least so long, and so many times what the call took. */
const PAUSE = { leastMs: 100, times: 4 };
/** Until a mirror that does not answer is asked again. */
const RETRY_MS = 2_000;
/** A function may fail for other reasons than what it was asked for. */
const MOST_TRIES = 3;

/** Sessions whose events the mirror is to let go of: nothing is urgent about it, so it goes in small calls between batches. */
export interface Releases {
  /** @param upToSeq what the mirror has of it */
  add(sessionId: string, upToSeq: number): void;
  /** How long until {@link step} may be called; Infinity: there is nothing to do. */
  dueInMs(): number;
  /** One call at most. What fails is tried again, and is nobody else's failure. */
  step(): Promise<void>;
}

/**
 * @param deps.hasMoved whether the mirror was told, or asked, of the session's events since it was added
 * @param deps.now of a clock that only goes forward
 */
export function createReleases(deps: {
  db: Database;
  target: Pick<MirrorTarget, "letGo">;
  dirty: Pick<DirtyMarks, "forgetReplaced">;
  log: Pick<Logger, "warn">;
  hasMoved: (sessionId: string) => boolean;
  now: () => number;
}): Releases {
  const { db, dirty, now } = deps;
  const wanted = new Map<string, { upToSeq: number; tries: number }>();
  let nextAt = -Infinity;
  const isStillWanted = (sessionId: string) => {
    const row = findSession(db, sessionId);
    return row !== undefined && !isLive(row.status) && !deps.hasMoved(sessionId);
  };
  const refused = (sessionId: string, err: MirrorError) => {
    const { upToSeq, tries } = wanted.get(sessionId) ?? { upToSeq: 0, tries: MOST_TRIES };
    wanted.delete(sessionId);
    // Behind the others, as it may be the only one that is refused.
    if (tries + 1 < MOST_TRIES) wanted.set(sessionId, { upToSeq, tries: tries + 1 });
    else deps.log.warn({ err, sessionId }, "the mirror keeps events of a session that stopped");
  };
  return {
    add: (sessionId, upToSeq) => void wanted.set(sessionId, { upToSeq, tries: 0 }),
    dueInMs: () => (wanted.size === 0 ? Infinity : Math.max(0, nextAt - now())),
    async step() {
      const [next] = wanted;
      if (next === undefined) return;
      const [sessionId, { upToSeq }] = next;
      if (!isStillWanted(sessionId)) return void wanted.delete(sessionId);
      const startedAt = now();
      let pauseMs = 0;
      try {
        if (await deps.target.letGo(sessionId, upToSeq)) {
          wanted.delete(sessionId);
          dirty.forgetReplaced(sessionId);
        }
      } catch (error) {
        if (!(error instanceof MirrorError)) throw error;
        if (error.code === "unreachable") pauseMs = RETRY_MS;
        else refused(sessionId, error);
      }
      const endedAt = now();
      nextAt = endedAt + Math.max(pauseMs, PAUSE.leastMs, PAUSE.times * (endedAt - startedAt));
    },
  };
}
