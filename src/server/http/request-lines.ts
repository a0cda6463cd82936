import type { Clock } from "../clock";
import type { Logger } from "../log";

/** Lines at level info in a minute: whoever insists on being refused must neither fill the disk nor hide other lines. */
const LINES_OF_ADDRESS = 120;
/** One who has many addresses is one all the same. */
const LINES_OF_ALL = 600;
const WINDOW_MS = 60_000;

/** @returns whether a line about a request from this address may be written now; what was left out is counted and told later */
export function createRequestLines(deps: {
  clock: Clock;
  log: Pick<Logger, "info">;
}): (ip: string) => boolean {
  const written = new Map<string, number>();
  let total = 0;
  let leftOut = 0;
  let windowEndsMs = 0;
  return (ip) => {
    const now = deps.clock.monotonicNow();
    if (now >= windowEndsMs) {
      if (leftOut > 0) deps.log.info({ leftOut }, "more requests than are written down one by one");
      [total, leftOut, windowEndsMs] = [0, 0, now + WINDOW_MS];
      written.clear();
    }
    const ofAddress = written.get(ip) ?? 0;
    if (ofAddress >= LINES_OF_ADDRESS || total >= LINES_OF_ALL) {
      leftOut += 1;
      return false;
    }
    written.set(ip, ofAddress + 1);
    total += 1;
    return true;
  };
}
