/** How far a client may be ahead: the machine's clock may have been set back between two runs of the server. */
const MAX_AHEAD_NS = 24n * 60n * 60n * 1_000_000_000n;

export type CommitClock = ReturnType<typeof createCommitClock>;

/**
 * Times of commits, in nanoseconds since the epoch. They only grow, also from one run of the server to the next: a client
 * that has seen a later one does not take an earlier one.
 */
export function createCommitClock(nowMs: () => number = Date.now) {
  const wallNs = () => BigInt(nowMs()) * 1_000_000n;
  let latest = wallNs();
  return {
    latest: () => latest,
    next(): bigint {
      const wall = wallNs();
      latest = wall > latest ? wall : latest + 1n;
      return latest;
    },
    /** Catches up with what a client has seen. @returns whether it did: a time far off is not believed */
    catchUp(seen: bigint): boolean {
      if (seen > wallNs() + MAX_AHEAD_NS) return false;
      if (seen > latest) latest = seen;
      return true;
    },
  };
}
