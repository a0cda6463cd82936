import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const WINDOW_MS = 60_000;
const NS_PER_MS = 1e6;

export interface LoopLag {
  /** The 99th percentile of this minute or the one before, whichever is worse: how late timers are, in ms. */
  p99Ms(): number;
  stop(): void;
}

/** Measures how long work on the event loop makes everything else wait. Whoever starts it stops it. */
export function startLoopLag(): LoopLag {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let before = 0;
  // A timer of the resolution's own length is late by nothing; before the first one there is no percentile.
  const current = () =>
    histogram.count === 0 ? 0 : Math.max(histogram.percentile(99) / NS_PER_MS - RESOLUTION_MS, 0);
  const timer = setInterval(() => {
    before = current();
    histogram.reset();
  }, WINDOW_MS);
  timer.unref();
  return {
    p99Ms: () => Math.max(before, current()),
    stop() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
