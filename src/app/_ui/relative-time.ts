const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Beyond this a date says more than a number of days. */
const MAX_DAYS = 30;

/**
 * How long ago or how soon, as short as a narrow column needs: `now`, `4m`, `in 3h`, `12d`; a date beyond a month.
 * @param at ISO 8601
 */
export function relativeTime(at: string, nowMs: number): string {
  const thenMs = Date.parse(at);
  const distanceMs = Math.abs(nowMs - thenMs);
  if (distanceMs < MINUTE_MS) return "now";
  if (distanceMs >= MAX_DAYS * DAY_MS) return at.slice(0, 10);
  const short =
    distanceMs < HOUR_MS
      ? `${Math.floor(distanceMs / MINUTE_MS)}m`
      : distanceMs < DAY_MS
        ? `${Math.floor(distanceMs / HOUR_MS)}h`
        : `${Math.floor(distanceMs / DAY_MS)}d`;
  return thenMs > nowMs ? `in ${short}` : short;
}

/** The same within a sentence: `just now`, `4m ago`, `in 3h`, `2025-12-24`. */
export function timeAgo(at: string, nowMs: number): string {
  const short = relativeTime(at, nowMs);
  if (short === "now") return "just now";
  return /^\d+[mhd]$/.test(short) ? `${short} ago` : short;
}
