import { describe, expect, it } from "vitest";
import { between, duration, money, tokenCount } from "./figures";
import { shortPath, workspacePath } from "./short-path";

describe("figures", () => {
  it.each([
    [0, "0 ms"],
    [99, "99 ms"],
    [400, "0.4 s"],
    [3_000, "3 s"],
    [59_400, "59 s"],
    [59_600, "1 min"],
    [125_000, "2 min 5 s"],
    [3_720_000, "1 h 2 min"],
  ])("%i ms are %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it("say how long between two times, and nothing where one is missing or no time", () => {
    expect(between("2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z")).toBe(2_000);
    expect(between("2026-01-01T00:00:02Z", "2026-01-01T00:00:00Z")).toBe(0);
    expect(between(undefined, "2026-01-01T00:00:00Z")).toBeNull();
    expect(between("soon", "2026-01-01T00:00:00Z")).toBeNull();
  });

  it("count tokens and money in few digits", () => {
    expect([950, 1_234, 12_345, 999_600, 1_250_000].map(tokenCount)).toEqual([
      "950",
      "1.2k",
      "12k",
      "1M",
      "1.3M",
    ]);
    expect([0, 0.00001, 0.0042, 0.084, 12].map(money)).toEqual([
      "$0",
      "<$0.0001",
      "$0.0042",
      "$0.08",
      "$12.00",
    ]);
  });
});

describe("paths", () => {
  it("are told from the workspace, and shortened in the middle", () => {
    expect(["/workspace", "/workspace/a/b", "/etc/hosts"].map(workspacePath)).toEqual([
      ".",
      "a/b",
      "/etc/hosts",
    ]);
    expect(shortPath("src/a.ts")).toBe("src/a.ts");
    const long = "packages/one/two/three/four/five/six/component.test.tsx";
    expect(shortPath(long, 40)).toBe("packages/…/five/six/component.test.tsx");
    expect(shortPath(`a/${"x".repeat(200)}.ts`, 40)).toMatch(/^…\/x+…x+\.ts$/);
  });
});
