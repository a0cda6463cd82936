import { describe, expect, it } from "vitest";
import { manualClock } from "../clock.testing";
import { createRecentCounts, createRecentValues } from "./recent";

describe("recent counts", () => {
  it("are added up by name, and leave the window by parts", () => {
    const clock = manualClock();
    const counts = createRecentCounts({ windowMs: 60_000, slots: 60, now: clock.monotonicNow });
    counts.add("a", 3);
    clock.advance(30_000);
    counts.add("a");
    counts.add("b", 2);
    expect(Object.fromEntries(counts.totals())).toEqual({ a: 4, b: 2 });
    clock.advance(30_000);
    expect(Object.fromEntries(counts.totals())).toEqual({ a: 1, b: 2 });
    // The part of the ring that held the first ones is used again.
    counts.add("c", 5);
    expect(Object.fromEntries(counts.totals())).toEqual({ a: 1, b: 2, c: 5 });
    clock.advance(600_000);
    expect(counts.totals().size).toBe(0);
  });
});

describe("recent values", () => {
  it("give the value that a share of them does not exceed, and none without any", () => {
    const clock = manualClock();
    const values = createRecentValues({ windowMs: 60_000, most: 100, now: clock.monotonicNow });
    expect(values.quantile(0.95)).toBeNull();
    for (let n = 1; n <= 100; n += 1) values.add(n);
    expect([values.quantile(0), values.quantile(0.5), values.quantile(0.95), values.quantile(1)]).toEqual([
      1, 50, 95, 100,
    ]);
    clock.advance(60_000);
    expect(values.quantile(1)).toBeNull();
    values.add(7);
    expect(values.quantile(0.5)).toBe(7);
  });

  it("forget the oldest when there are more than are kept", () => {
    const values = createRecentValues({ windowMs: 1, most: 2, now: () => 0 });
    for (const value of [1, 2, 3]) values.add(value);
    expect([values.quantile(0), values.quantile(1)]).toEqual([2, 3]);
  });
});
