import { describe, expect, it } from "vitest";
import { keptSentence } from "./use-abort";

describe("what a stop has kept", () => {
  it("is nothing to speak of when nothing waits", () => {
    expect(keptSentence(0)).toBeNull();
  });

  it("is told with what becomes of it", () => {
    expect(keptSentence(1)).toBe("Stopped. The prompt that waited is kept and begins now.");
    expect(keptSentence(3)).toContain("3 prompts that waited are kept: the next begins now");
  });
});
