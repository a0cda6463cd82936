/** Whether counts of a process and its machine climb while the same work is done over and over. */

/** Rounds at the start in which caches and pools fill are no growth. */
const WARM_UP_PART = 0.2;
/** Fewer say nothing. */
export const LEAST_ROUNDS = 10;

/**
 * A count that leaks is, in each of the last rounds, above what it ever was in the first ones; one that goes up and down is
 * not. Of the rounds after the warm-up the first third is held against the last.
 * @param slack the part of the count by which it may be higher, such as 0.05
 * @returns null for no growth, else from what to what
 * @throws RangeError for less than {@link LEAST_ROUNDS}
 */
export function growthOf(samples: readonly number[], slack = 0): { from: number; to: number } | null {
  if (samples.length < LEAST_ROUNDS)
    throw new RangeError(`${samples.length} rounds say nothing about growth; ${LEAST_ROUNDS} are needed`);
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP_PART));
  const third = Math.floor(warm.length / 3);
  const from = Math.max(...warm.slice(0, third));
  const to = Math.min(...warm.slice(-third));
  return to > from * (1 + slack) ? { from, to } : null;
}
