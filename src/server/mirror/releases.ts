import type { Database } from "../db/database";
import type { Logger } from "../log";
import { isLive } from "../sessions/decisions";
import { findSession } from "../sessions/session-store";
import { MirrorError, type MirrorTarget } from "./mirror-target";

/** Between two calls at least: who watches another session should not notice. */
const EVERY_MS = 100;

/** Sessions whose events the mirror is to let go of: nothing is urgent about it, so it goes in small calls between batches. */
export interface Releases {
  /** @param upToSeq what the mirror has of it */
  add(sessionId: string, upToSeq: number): void;
  /** How long until {@link step} may be called; Infinity: there is nothing to do. */
  dueInMs(): number;
  /** One call at most. @throws MirrorError when the mirror does not answer: the same may be tried again */
  step(): Promise<void>;
}

/**
 * @param deps.isToldAgain whether the mirror was told of events of this session since it was added
 * @param deps.now of a clock that only goes forward
 */
export function createReleases(deps: {
  db: Database;
  target: Pick<MirrorTarget, "letGo">;
  log: Pick<Logger, "warn">;
  isToldAgain: (sessionId: string) => boolean;
  now: () => number;
}): Releases {
  const { db, now } = deps;
  const upToSeqs = new Map<string, number>();
  let nextAt = -Infinity;
  const isWanted = (sessionId: string) => {
    const row = findSession(db, sessionId);
    return row !== undefined && !isLive(row.status) && !deps.isToldAgain(sessionId);
  };
  return {
    add: (sessionId, upToSeq) => void upToSeqs.set(sessionId, upToSeq),
    dueInMs: () => (upToSeqs.size === 0 ? Infinity : Math.max(0, nextAt - now())),
    async step() {
      const [next] = upToSeqs;
      if (next === undefined) return;
      const [sessionId, upToSeq] = next;
      if (!isWanted(sessionId)) return void upToSeqs.delete(sessionId);
      nextAt = now() + EVERY_MS;
      try {
        if (await deps.target.letGo(sessionId, upToSeq)) upToSeqs.delete(sessionId);
      } catch (error) {
        if (!(error instanceof MirrorError) || error.code === "unreachable") throw error;
        upToSeqs.delete(sessionId);
        deps.log.warn({ err: error, sessionId }, "the mirror keeps events of a session that stopped");
      }
    },
  };
}
