/** The percentile that tables show beside the median. */
export const USUAL_TAIL = 0.95;

/** What a figure says of its samples. Units are the caller's. */
export interface Summary {
  n: number;
  p50: number;
  /** The percentile that was asked for, p95 unless said otherwise. */
  tail: number;
}

/**
 * Linear interpolation between the two nearest ranks, as most statistics programs do it: with few samples the 95th
 * percentile lies near the largest one.
 * @param q 0 to 1
 * @throws RangeError without samples
 */
export function percentile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = (sorted.length - 1) * q;
  const low = sorted[Math.floor(rank)];
  const high = sorted[Math.ceil(rank)];
  if (low === undefined || high === undefined)
    throw new RangeError("A percentile needs at least one sample.");
  return low + (high - low) * (rank - Math.floor(rank));
}

/** @param tail 0 to 1. @throws RangeError without samples */
export function summarise(samples: readonly number[], tail = USUAL_TAIL): Summary {
  return { n: samples.length, p50: percentile(samples, 0.5), tail: percentile(samples, tail) };
}
