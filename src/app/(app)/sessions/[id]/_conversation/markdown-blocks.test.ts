import { describe, expect, it } from "vitest";
import { endsInFence, markdownBlocks } from "./markdown-blocks";

describe("markdown in pieces", () => {
  it("is cut between paragraphs, and only its last piece changes while text comes", () => {
    const text = "# One\n\nTwo **bold**\n\nThree";
    expect(markdownBlocks(text)).toEqual(["# One", "Two **bold**", "Three"]);
    for (let end = 0; end < text.length; end += 1) {
      const before = markdownBlocks(text.slice(0, end));
      const after = markdownBlocks(text.slice(0, end + 1));
      expect(after.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
    }
  });

  it.each([
    ["a fence", "```ts\na\n\nb\n```"],
    ["a fence in a list", "- x\n\n  ```\n  a\n\n  b\n  ```"],
    ["a list with room between its items", "1. a\n\n2. b\n\n3. c"],
    ["code by indentation", "    a\n\n    b"],
    ["a longer fence around a shorter", "````\n```\n\n```\n````"],
  ])("is not cut within %s", (_what, text) => {
    expect(markdownBlocks(text)).toEqual([text]);
  });

  it("has a link's definition wherever it may be used", () => {
    expect(markdownBlocks("see [docs]\n\nplain\n\n[docs]: https://example.com")).toEqual([
      "see [docs]\n\n[docs]: https://example.com",
      "plain",
      "[docs]: https://example.com",
    ]);
  });

  it("knows whether its code is still being written", () => {
    expect(endsInFence("```\nlet a")).toBe(true);
    expect(endsInFence("```\nlet a\n```")).toBe(false);
    expect(endsInFence("`` ` ``")).toBe(false);
    expect(endsInFence("~~~\n```\n")).toBe(true);
  });
});
