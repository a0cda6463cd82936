import type { Clock } from "./clock";

/** Deadlines that are kept as dates. */
export interface Deadlines {
  /** Those that have passed. What is left of each is taken from the date once, when it is first seen; the others are forgotten. */
  past<Item extends { id: string; deadline: string }>(open: readonly Item[]): Item[];
}

/** Judges by the clock that only goes forward: a date that somebody sets ends nothing early and keeps nothing open. */
export function createDeadlines(clock: Clock): Deadlines {
  let dueAtMs = new Map<string, number>();
  return {
    past(open) {
      const seen = dueAtMs;
      const leftMs = (deadline: string) => Date.parse(deadline) - clock.now();
      dueAtMs = new Map(
        open.map(({ id, deadline }) => [id, seen.get(id) ?? clock.monotonicNow() + leftMs(deadline)]),
      );
      return open.filter(({ id }) => (dueAtMs.get(id) ?? Infinity) <= clock.monotonicNow());
    },
  };
}
