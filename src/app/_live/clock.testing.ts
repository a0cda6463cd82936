import type { PageClock } from "./clock";

/** A clock that stands still until a test turns it. */
export interface ManualPageClock extends PageClock {
  /** What is due happens in order, at its own time. */
  advance(ms: number): void;
  /** Time passes as it does for a laptop that sleeps: nothing happens meanwhile, then all that is due at once. */
  sleep(ms: number): void;
  /** Timers that wait. */
  readonly waiting: number;
}

export function manualPageClock(startMs = 1_000_000): ManualPageClock {
  let nowMs = startMs;
  const timers = new Set<{ dueMs: number; act: () => void }>();
  const runDue = (untilMs: number, tell: (dueMs: number) => void) => {
    for (;;) {
      const due = [...timers].filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) return;
      timers.delete(due);
      tell(due.dueMs);
      due.act();
    }
  };
  return {
    nowMs: () => nowMs,
    after(ms, act) {
      const timer = { dueMs: nowMs + ms, act };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      runDue(untilMs, (dueMs) => (nowMs = Math.max(nowMs, dueMs)));
      nowMs = untilMs;
    },
    sleep(ms) {
      const dueBefore = nowMs + ms;
      nowMs = dueBefore;
      runDue(dueBefore, () => undefined);
    },
    get waiting() {
      return timers.size;
    },
  };
}
