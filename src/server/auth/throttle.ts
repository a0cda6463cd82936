import type { Clock } from "../clock";
import { AppError } from "../errors";

export interface ThrottleLimit {
  tries: number;
  windowMs: number;
}

/** For whatever asks for a secret that a person can remember. */
export const LOGIN_TRIES: ThrottleLimit = { tries: 10, windowMs: 15 * 60_000 };

/**
 * As {@link LOGIN_TRIES}, of an address that many people share: this machine's own, where ssh tunnels and reverse proxies
 * end. One person's typing must not lock out the others; each account keeps its own limit.
 */
export const SHARED_ADDRESS_TRIES: ThrottleLimit = { ...LOGIN_TRIES, tries: 100 };

/** Counts tries of each key in a sliding window, in memory: a restart forgives. */
export class Throttle {
  private readonly tries = new Map<string, number[]>();

  constructor(
    private readonly clock: Clock,
    private readonly limit: ThrottleLimit,
  ) {}

  /**
   * Counts one try. Call it before the work, so that many at once cannot slip through.
   * @throws AppError `throttled` when the key has used up its tries; such a call is not counted.
   */
  take(key: string): void {
    const recent = this.recent(key);
    const oldest = recent[0];
    if (oldest !== undefined && recent.length >= this.limit.tries) {
      throw throttled(Math.ceil((oldest + this.limit.windowMs - this.clock.monotonicNow()) / 1000));
    }
    recent.push(this.clock.monotonicNow());
    this.tries.set(key, recent);
    if (this.tries.size > MAX_KEYS) this.forgetOld();
  }

  /** Takes back the last try of a key: it was a right one. */
  refund(key: string): void {
    const recent = this.recent(key);
    recent.pop();
    if (recent.length === 0) this.tries.delete(key);
    else this.tries.set(key, recent);
  }

  private recent(key: string): number[] {
    const since = this.clock.monotonicNow() - this.limit.windowMs;
    return (this.tries.get(key) ?? []).filter((at) => at > since);
  }

  private forgetOld(): void {
    for (const key of [...this.tries.keys()]) {
      if (this.recent(key).length === 0) this.tries.delete(key);
    }
    // All of them fresh: the oldest key goes, so that memory stays bounded under attack.
    const first = this.tries.keys().next();
    if (this.tries.size > MAX_KEYS && !first.done) this.tries.delete(first.value);
  }
}

const MAX_KEYS = 10_000;

function throttled(seconds: number): AppError {
  const wait = seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} seconds`;
  return new AppError("TOO_MANY_REQUESTS", "throttled", `Too many tries. Wait ${wait}, then try again.`, {
    retryAfterSeconds: seconds,
  });
}
