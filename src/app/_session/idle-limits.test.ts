import { describe, expect, it } from "vitest";
import { idleLimitText, idleOptions } from "./idle-limits";

describe("limits without use", () => {
  it("are told in the largest unit that fits", () => {
    expect([0, 1, 15, 60, 90, 240, 1440, 2880].map(idleLimitText)).toEqual([
      "never",
      "after 1 minute",
      "after 15 minutes",
      "after 1 hour",
      "after 90 minutes",
      "after 4 hours",
      "after 1 day",
      "after 2 days",
    ]);
  });

  it("have among them the one that is set, in its place", () => {
    expect(idleOptions(20).map(({ value }) => value)).toEqual(["15", "20", "60", "240", "1440", "0"]);
    expect(idleOptions(0).map(({ value }) => value)).toEqual(["15", "60", "240", "1440", "0"]);
  });
});
