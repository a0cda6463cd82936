import type { EventLog } from "../events/event-log";
import { applyEvent, emptyTimeline, type Timeline } from "../../timeline/timeline";

/** Sessions whose conversation is kept ready; the least recently asked for goes first. */
const KEPT = 32;

/** Conversations as the log has them now: only what is new since the last call is read. */
export interface Timelines {
  of(sessionId: string): Timeline;
  forget(sessionId: string): void;
}

export function createTimelines(log: EventLog): Timelines {
  const kept = new Map<string, Timeline>();
  return {
    of(sessionId) {
      let timeline = kept.get(sessionId) ?? emptyTimeline();
      for (
        let batch = log.read(sessionId, timeline.lastSeq);
        batch.length > 0;
        batch = log.read(sessionId, timeline.lastSeq)
      ) {
        for (const event of batch) timeline = applyEvent(timeline, event);
      }
      kept.delete(sessionId);
      kept.set(sessionId, timeline);
      for (const oldest of kept.keys()) {
        if (kept.size <= KEPT) break;
        kept.delete(oldest);
      }
      return timeline;
    },
    forget: (sessionId) => void kept.delete(sessionId),
  };
}
