import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { manualClock } from "./clock.testing";
import { composeMeasuring } from "./compose-health";
import type { Logger } from "./log";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("the log says when the machine's clock is set, until it is stopped", () => {
  const clock = manualClock();
  const warn = vi.fn<Logger["warn"]>();
  const measuring = composeMeasuring(clock, { warn });
  const look = () => vi.advanceTimersByTime(60_000);
  clock.shift(-3_600_000);
  look();
  expect(warn).toHaveBeenCalledExactlyOnceWith({ byMs: -3_600_000 }, expect.stringContaining("clock"));
  measuring.stop();
  clock.shift(3_600_000);
  look();
  expect(warn).toHaveBeenCalledOnce();
});
