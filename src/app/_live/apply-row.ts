import { applyEvent, type Timeline } from "../../timeline/timeline";
import { type EventRow, parseEvent } from "./parse-event";

/**
 * The timeline after the event that comes next. One that cannot be applied is passed over: a page that stops at it would
 * show nothing that comes after.
 */
export function applyRow(timeline: Timeline, row: EventRow): Timeline {
  if (row.seq <= timeline.lastSeq) return timeline;
  const event = parseEvent(row);
  try {
    if (event !== null) return applyEvent(timeline, event);
  } catch (cause) {
    console.warn("An event could not be shown", row.seq, cause);
  }
  return { ...timeline, lastSeq: row.seq };
}
