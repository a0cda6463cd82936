import { type Draft, FULL_BATCH } from "./mirror-batch";

/** How much a batch may hold: less and less after one was refused, until what is refused stands alone in it. */
export interface Halving {
  most(): typeof FULL_BATCH;
  /** Part of what was suspected is taken: the rest may be more at a time. */
  accepted(): void;
  /** @returns false when there is nothing to halve and it was refused alone before: it is found */
  halve(draft: Pick<Draft, "marks" | "batch">): boolean;
  /** What is refused is left out: batches are full again. */
  found(): void;
}

export function createHalving(): Halving {
  let most = FULL_BATCH;
  // A function may fail once for other reasons, as when it takes too long.
  let wasAlone = false;
  return {
    most: () => most,
    accepted() {
      wasAlone = false;
      const { marks, events } = most;
      // The one mark whose events are suspected stays alone until they all are told.
      most =
        events < FULL_BATCH.events
          ? { marks, events: Math.min(Math.max(events * 2, 1), FULL_BATCH.events) }
          : { marks: Math.min(marks * 2, FULL_BATCH.marks), events };
    },
    halve({ marks, batch: { events, removed } }) {
      if (marks.length > 1) most = { ...most, marks: Math.ceil(marks.length / 2) };
      else if (events.length > 1) most = { marks: 1, events: Math.ceil(events.length / 2) };
      // A session that begins afresh: without the event its rows are alone.
      else if (events.length === 1 && removed.length > 0) most = { marks: 1, events: 0 };
      else if (wasAlone) return false;
      else {
        wasAlone = true;
        most = { marks: 1, events: events.length };
      }
      return true;
    },
    found() {
      wasAlone = false;
      most = FULL_BATCH;
    },
  };
}
