import { describe, expect, it } from "vitest";
import { createId, tableNumberOf } from "./ids";

describe("a document's id", () => {
  it("is another one each time, however many are made, and says its table", () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => createId(i % 3));
    expect(new Set(ids.map((id) => id.slice(0, 28))).size).toBe(ids.length);
    expect(ids.map(tableNumberOf)).toEqual(ids.map((_, i) => i % 3));
  });

  it("names no table when it is none", () => {
    expect(tableNumberOf("not-an-id")).toBeNull();
    expect(tableNumberOf(createId(1).slice(1))).toBeNull();
  });
});
