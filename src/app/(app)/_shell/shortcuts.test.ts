import { describe, expect, it } from "vitest";
import { createShortcuts } from "./shortcuts";

describe("shortcuts", () => {
  const plain = { isCommand: false, isOther: false };

  it.each([
    ["n", "new-session"],
    ["N", "new-session"],
    ["/", "palette"],
    ["?", "help"],
    ["j", "next"],
    ["k", "previous"],
    ["i", null],
    ["Enter", null],
  ])("%s is %s", (key, act) => {
    expect(createShortcuts(() => 0)({ key, ...plain })).toBe(act);
  });

  it("leaves the browser's and the system's keys alone, but for ⌘K", () => {
    const read = createShortcuts(() => 0);
    expect(read({ key: "k", isCommand: true, isOther: false })).toBe("palette");
    expect(read({ key: "n", isCommand: true, isOther: false })).toBeNull();
    expect(read({ key: "n", isCommand: false, isOther: true })).toBeNull();
  });

  it("takes G and then I for the inbox, in good time and with nothing between", () => {
    let now = 0;
    const read = createShortcuts(() => now);
    read({ key: "g", ...plain });
    expect(read({ key: "i", ...plain })).toBe("inbox");
    expect(read({ key: "i", ...plain })).toBeNull();
    read({ key: "g", ...plain });
    now += 1_001;
    expect(read({ key: "i", ...plain })).toBeNull();
    read({ key: "g", ...plain });
    expect(read({ key: "j", ...plain })).toBe("next");
    expect(read({ key: "i", ...plain })).toBeNull();
  });
});
