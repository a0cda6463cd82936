import { describe, expect, it } from "vitest";
import { relativeTime, timeAgo } from "./relative-time";

describe("relative time", () => {
  const now = Date.parse("2026-03-10T12:00:00.000Z");
  it.each([
    ["2026-03-10T11:59:30.000Z", "now"],
    ["2026-03-10T12:00:20.000Z", "now"],
    ["2026-03-10T11:56:00.000Z", "4m"],
    ["2026-03-10T09:00:00.000Z", "3h"],
    ["2026-03-08T11:00:00.000Z", "2d"],
    ["2026-03-13T12:30:00.000Z", "in 3d"],
    ["2025-12-24T12:00:00.000Z", "2025-12-24"],
  ])("%s is %s", (at, shown) => {
    expect(relativeTime(at, now)).toBe(shown);
  });

  it.each([
    ["2026-03-10T11:59:30.000Z", "just now"],
    ["2026-03-10T11:56:00.000Z", "4m ago"],
    ["2026-03-13T12:30:00.000Z", "in 3d"],
    ["2025-12-24T12:00:00.000Z", "2025-12-24"],
  ])("%s is %s in a sentence", (at, said) => {
    expect(timeAgo(at, now)).toBe(said);
  });
});
