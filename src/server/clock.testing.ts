import type { Clock } from "./clock";

export interface ManualClock extends Clock {
  /** Time goes by. */
  advance(ms: number): void;
  /** Somebody sets the time of day, back when negative; no time goes by. */
  shift(byMs: number): void;
}

/** A clock that stands until the test moves it. */
export function manualClock(startMs = Date.now()): ManualClock {
  let now = startMs;
  let monotonicNow = 0;
  return {
    now: () => now,
    monotonicNow: () => monotonicNow,
    advance(ms) {
      now += ms;
      monotonicNow += ms;
    },
    shift: (byMs) => void (now += byMs),
  };
}
