import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type ManualClock, manualClock } from "../clock.testing";
import { watchClock } from "./clock-jumps";

let clock: ManualClock;
let jumps: number[];
let watch: ReturnType<typeof watchClock>;
beforeEach(() => {
  vi.useFakeTimers();
  clock = manualClock();
  jumps = [];
  watch = watchClock({ clock, onJump: (byMs) => jumps.push(byMs) });
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});
const pass = (ms: number) => {
  clock.advance(ms);
  vi.advanceTimersByTime(ms);
};

it("tells once of each time that the clock is set, and by how much", () => {
  pass(60_000);
  clock.shift(3_600_000);
  pass(60_000);
  clock.shift(-86_400_000);
  pass(60_000);
  expect(jumps).toEqual([3_600_000, -86_400_000]);
});

it("says nothing of time that passes, nor of a time server that corrects it little by little", () => {
  for (let n = 0; n < 100; n += 1) {
    clock.shift(50);
    pass(10_000);
  }
  expect(jumps).toEqual([]);
});

it("ends", () => {
  watch.stop();
  clock.shift(3_600_000);
  pass(60_000);
  expect(jumps).toEqual([]);
});
