import type { SpooledEvent, SpoolPosition } from "../../../sidecar/src/contract";
import type { EventLog } from "./event-log";
import { ingest, ingestInto, type IngestHook } from "./ingest";

/** Of all sessions in one transaction; what is behind that comes in the next, so that others get their turn. */
const MOST_EVENTS = 1_000;
/**
 * Between the beginnings of two commits, so that many busy sessions share one: it waits for the disk, and whoever follows
 * wakes up after it. What comes after a quiet moment is committed at once.
 */
const COMMIT_EVERY_MS = 15;

export interface Intake {
  /**
   * Commits a session's batch, see {@link ingest}, together with those of other sessions that come at the same moment: each
   * commit waits for the disk. One batch of a session at a time.
   */
  take(sessionId: string, batch: readonly SpooledEvent[]): Promise<SpoolPosition>;
}

interface Waiting {
  sessionId: string;
  batch: readonly SpooledEvent[];
  resolve(position: SpoolPosition): void;
  reject(error: unknown): void;
}

export function createIntake(log: EventLog, hook: IngestHook): Intake {
  const waiting: Waiting[] = [];
  let committedAt = -Infinity;

  const next = (): Waiting[] => {
    let count = 1;
    let events = waiting[0]?.batch.length ?? 0;
    while (count < waiting.length) {
      events += waiting[count]?.batch.length ?? 0;
      if (events > MOST_EVENTS) break;
      count += 1;
    }
    return waiting.splice(0, count);
  };
  const together = (taken: readonly Waiting[]): SpoolPosition[] =>
    log.transaction((tx) => taken.map(({ sessionId, batch }) => ingestInto(tx, sessionId, batch, hook)));
  const alone = ({ sessionId, batch, resolve, reject }: Waiting) => {
    try {
      resolve(ingest(log, sessionId, batch, hook));
    } catch (error) {
      reject(error);
    }
  };
  const schedule = () => {
    const restMs = committedAt + COMMIT_EVERY_MS - performance.now();
    if (restMs > 0) setTimeout(commit, restMs);
    else setImmediate(commit);
  };
  const commit = () => {
    committedAt = performance.now();
    const taken = next();
    // More than one commit takes: there is nothing to wait for.
    if (waiting.length > 0) setImmediate(commit);
    try {
      for (const [index, position] of together(taken).entries()) taken[index]?.resolve(position);
    } catch {
      // One of them breaks the rules, and nothing is kept: it alone is to blame.
      taken.forEach(alone);
    }
  };

  return {
    take: (sessionId, batch) =>
      new Promise((resolve, reject) => {
        waiting.push({ sessionId, batch, resolve, reject });
        if (waiting.length === 1) schedule();
      }),
  };
}
