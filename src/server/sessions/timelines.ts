import type { EventLog } from "../events/event-log";
import { applyEvent, emptyTimeline, type Timeline } from "../../timeline/timeline";

/** Sessions whose conversation is kept ready; the least recently asked for goes first. */
const KEPT = 32;

/** Conversations as the log has them now: only what is new since the last call is read. */
export interface Timelines {
  /**
   * Everything that was in the log at the call. A long log is read in pieces between which others get their turn; who asks
   * meanwhile waits for the same reading.
   */
  of(sessionId: string): Promise<Timeline>;
  forget(sessionId: string): void;
}

export function createTimelines(log: Pick<EventLog, "read">): Timelines {
  const kept = new Map<string, Timeline>();
  const readings = new Map<string, Promise<Timeline>>();

  const keep = (sessionId: string, timeline: Timeline) => {
    kept.delete(sessionId);
    kept.set(sessionId, timeline);
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(oldest);
    }
  };
  /** @param isWanted false once the session was forgotten; another reading of it may be under way then */
  const read = async (sessionId: string, isWanted: () => boolean): Promise<Timeline> => {
    let timeline = kept.get(sessionId) ?? emptyTimeline();
    try {
      for (;;) {
        const batch = log.read(sessionId, timeline.lastSeq);
        if (batch.length === 0) break;
        for (const event of batch) timeline = applyEvent(timeline, event);
        await new Promise(setImmediate);
      }
      if (isWanted()) keep(sessionId, timeline);
      return timeline;
    } finally {
      // Nothing ran since the log was read to its end, so whoever waited for this reading misses nothing.
      if (isWanted()) readings.delete(sessionId);
    }
  };

  return {
    of(sessionId) {
      const underWay = readings.get(sessionId);
      if (underWay) return underWay;
      // It begins when it is in the map: a short one ends with its first step.
      const reading: Promise<Timeline> = Promise.resolve().then(() =>
        read(sessionId, () => readings.get(sessionId) === reading),
      );
      readings.set(sessionId, reading);
      return reading;
    },
    forget(sessionId) {
      kept.delete(sessionId);
      readings.delete(sessionId);
    },
  };
}
