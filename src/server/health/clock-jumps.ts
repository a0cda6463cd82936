import type { Clock } from "../clock";

const LOOK_EVERY_MS = 10_000;
/** Time servers correct by less, and a busy machine reads its two clocks so far apart. */
const LEAST_MS = 2_000;

/**
 * Tells when somebody sets the machine's clock, or the machine slept: deadlines and order go by other clocks, but times that
 * are shown and kept around it are not to be trusted. Whoever starts it stops it.
 * @param deps.onJump ms by which the clock moved against the time that passed; back when negative
 */
export function watchClock(deps: { clock: Clock; onJump: (byMs: number) => void }): { stop(): void } {
  const { clock } = deps;
  const offset = () => clock.now() - clock.monotonicNow();
  let known = offset();
  const timer = setInterval(() => {
    const byMs = offset() - known;
    known += byMs;
    if (Math.abs(byMs) >= LEAST_MS) deps.onJump(byMs);
  }, LOOK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
