import { expect, it } from "vitest";
import { restartDelayMs } from "./restart-policy";

it("starts at once after a long life, and never more than five times a minute", () => {
  expect(restartDelayMs([], 1_000_000)).toBe(0);
  expect(restartDelayMs([900_000], 1_000_000)).toBe(0);
  expect(restartDelayMs([999_000], 1_000_000)).toBe(100);
  const starts: number[] = [];
  let now = 0;
  for (let i = 0; i < 30; i += 1) {
    now += restartDelayMs(starts, now);
    starts.push(now);
  }
  for (const at of starts)
    expect(starts.filter((other) => other >= at && other < at + 60_000).length).toBeLessThanOrEqual(5);
});
