import { describe, expect, it } from "vitest";
import { appended } from "./tool-part";

describe("new output of a tool", () => {
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `row ${from + i}\n`).join("");
  const capped = (text: string) => `...\n\n${text.slice(-30_000)}`;

  it("is what the text gained", () => {
    expect(appended("", "abc")).toBe("abc");
    expect(appended("abc", "abcdef")).toBe("def");
    expect(appended("abc", "abc")).toBe("");
  });

  it("is what follows the longest overlap when opencode dropped the beginning", () => {
    const sent = rows(0, 4000);
    expect(appended(sent, capped(rows(0, 4500)))).toBe(rows(4000, 4500));
    expect(appended(sent, capped(sent))).toBe("");
  });

  it("says that something is missing when nothing overlaps", () => {
    const suffix = appended(rows(0, 100), capped(rows(0, 20_000)));
    expect(suffix.startsWith("\n… (output skipped)\n")).toBe(true);
    expect(suffix.endsWith("row 19999\n")).toBe(true);
  });

  it("repeats nothing when a text was changed rather than extended", () => {
    expect(appended("half a line", "another text")).toBe("");
  });

  it("finds the overlap of text that repeats itself", () => {
    expect(appended("y\n".repeat(20_000), capped("y\n".repeat(30_000)))).toBe("");
  });
});
