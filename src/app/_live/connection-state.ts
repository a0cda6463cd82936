/** What a person is told about how fresh the page is. */
export type ConnectionWord = "live" | "reconnecting" | "behind" | "offline";

/** What is known; times in milliseconds of one clock. `null`: it is not so. */
export interface ConnectionFacts {
  /** The browser says that it has no network. */
  offlineSinceMs: number | null;
  /** The live connection is down; since the page began, until the first one stands. */
  socketDownSinceMs: number | null;
  /** The server does not answer calls. */
  unansweredSinceMs: number | null;
  /** Events are known to exist that this page does not hold. */
  missingSinceMs: number | null;
}

export interface ConnectionState {
  state: ConnectionWord;
  sinceMs: number;
}

/** A connection that is back within this was never worth a word: pages load, servers restart a socket. */
const SOCKET_GRACE_MS = 1_500;
/** What takes longer than this to arrive is late. */
const LATE_AFTER_MS = 3_000;

/** @param bornMs since when it is live when nothing is the matter */
export function connectionState(facts: ConnectionFacts, nowMs: number, bornMs: number): ConnectionState {
  const { offlineSinceMs, socketDownSinceMs, unansweredSinceMs, missingSinceMs } = facts;
  if (offlineSinceMs !== null) return { state: "offline", sinceMs: offlineSinceMs };
  if (unansweredSinceMs !== null) return { state: "reconnecting", sinceMs: unansweredSinceMs };
  if (socketDownSinceMs !== null && nowMs - socketDownSinceMs >= SOCKET_GRACE_MS)
    return { state: "reconnecting", sinceMs: socketDownSinceMs };
  if (missingSinceMs !== null && nowMs - missingSinceMs >= LATE_AFTER_MS)
    return { state: "behind", sinceMs: missingSinceMs };
  return { state: "live", sinceMs: bornMs };
}

/** @returns in how many milliseconds {@link connectionState} says something else though no fact changes; null for never */
export function changesInMs(facts: ConnectionFacts, nowMs: number): number | null {
  const waits = [
    graceLeft(facts.socketDownSinceMs, SOCKET_GRACE_MS, nowMs),
    graceLeft(facts.missingSinceMs, LATE_AFTER_MS, nowMs),
  ].filter((wait) => wait !== null);
  return waits.length === 0 ? null : Math.min(...waits);
}

function graceLeft(sinceMs: number | null, graceMs: number, nowMs: number): number | null {
  if (sinceMs === null) return null;
  const left = sinceMs + graceMs - nowMs;
  return left > 0 ? left : null;
}
