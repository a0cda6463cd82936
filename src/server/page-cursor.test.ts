import { describe, expect, it } from "vitest";
import { apiTokens, prompts } from "./db/schema";
import { behindCursor, behindPlace, pageOf } from "./page-cursor";

const columns = { at: apiTokens.createdAt, id: apiTokens.id };
const rows = [1, 2, 3].map((n) => ({ at: "2026-11-01T00:00:00.000Z", id: `tok_${n}` }));
const read = {
  positionOf: (row: { at: string; id: string }) => row,
  itemOf: (row: { id: string }) => row.id,
};

describe("a page of a list", () => {
  it("has a cursor that the list takes back, and none when it is the last", () => {
    const page = pageOf(rows, 2, read);
    expect(page.items).toEqual(["tok_1", "tok_2"]);
    expect(behindCursor(page.nextCursor ?? "", columns, "newest first")).toBeDefined();
    expect(pageOf(rows, 3, read)).toEqual({ items: ["tok_1", "tok_2", "tok_3"], nextCursor: null });
    expect(pageOf([], 3, read)).toEqual({ items: [], nextCursor: null });
  });

  it.each([
    ["nothing", ""],
    ["a word", "next"],
    ["a time without an id", encoded("2026-11-01T00:00:00.000Z")],
    ["a time that is none", encoded("yesterday|tok_1")],
    ["more than there is", encoded("2026-11-01T00:00:00.000Z|tok_1|tok_2")],
  ])("does not start over for a cursor of %s", (_what, cursor) => {
    expect(() => behindCursor(cursor, columns, "oldest first")).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST", reason: "bad_input" }),
    );
  });
});

describe("a page of a list by place", () => {
  const places = [-1, 4].map((at) => ({ at, id: `prm_${at}` }));
  const byPlace = { positionOf: (row: { at: number; id: string }) => row, itemOf: () => null };

  it("has a cursor that the list takes back, before the first place too", () => {
    const { nextCursor } = pageOf(places, 1, byPlace);
    expect(behindPlace(nextCursor ?? "", prompts.position)).toBeDefined();
    expect(behindPlace(undefined, prompts.position)).toBeUndefined();
  });

  it.each([
    ["a word", encoded("first|prm_1")],
    ["a time", encoded("2026-11-01T00:00:00.000Z|prm_1")],
    ["part of a place", encoded("1.5|prm_1")],
    ["a place without an id", encoded("1")],
  ])("does not start over for a cursor of %s", (_what, cursor) => {
    expect(() => behindPlace(cursor, prompts.position)).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST", reason: "bad_input" }),
    );
  });
});

function encoded(text: string): string {
  return Buffer.from(text).toString("base64url");
}
