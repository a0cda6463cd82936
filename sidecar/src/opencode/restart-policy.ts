const WINDOW_MS = 60_000;
const MAX_STARTS_IN_WINDOW = 5;
const FIRST_DELAY_MS = 100;

/** How long to wait before the next start, so that at most five happen within a minute. @param startsMs times of earlier starts */
export function restartDelayMs(startsMs: readonly number[], nowMs: number): number {
  const recent = startsMs.filter((at) => at > nowMs - WINDOW_MS && at <= nowMs).sort((a, b) => a - b);
  if (recent.length < MAX_STARTS_IN_WINDOW)
    return recent.length === 0 ? 0 : FIRST_DELAY_MS * 2 ** (recent.length - 1);
  const oldest = recent.at(-MAX_STARTS_IN_WINDOW) ?? nowMs;
  return oldest + WINDOW_MS - nowMs;
}
