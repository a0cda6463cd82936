/** Time as an argument, so that tests set it. */
export interface Clock {
  /** Milliseconds since the epoch. People and time servers set it, back too: for what is kept and shown. */
  now(): number;
  /** Milliseconds since some moment of this process; only ever forward: for how long something takes or is good for. */
  monotonicNow(): number;
}

export const systemClock: Clock = { now: () => Date.now(), monotonicNow: () => performance.now() };

/** ISO 8601 in UTC. */
export function isoNow(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}
