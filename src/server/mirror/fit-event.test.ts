import { describe, expect, it } from "vitest";
import { STAND_IN_TYPE } from "../../timeline/stand-in";
import { fitEventData, MAX_EVENT_DATA_BYTES, mirrorEvent } from "./fit-event";

describe("an event for the mirror", () => {
  it("stays as it is when Convex takes it", () => {
    const json = JSON.stringify({ text: "é".repeat(400_000) });
    expect(fitEventData(json)).toBe(json);
  });

  it("has its long texts cut when it is too large, says so in them, and keeps the short ones", () => {
    const bodies = [
      { promptId: "prm_1", text: "x".repeat(1024 * 1024), by: "usr_1" },
      { promptId: "prm_1", text: "\u0001".repeat(1024 * 1024), by: "usr_1" },
      {
        promptId: "prm_1",
        parts: [{ text: "é".repeat(600_000) }, { text: "ü".repeat(600_000) }],
        by: "usr_1",
      },
    ];
    for (const body of bodies) {
      const fitting = fitEventData(JSON.stringify(body)) ?? "";
      expect(Buffer.byteLength(fitting)).toBeLessThanOrEqual(MAX_EVENT_DATA_BYTES);
      expect(JSON.parse(fitting)).toMatchObject({ promptId: "prm_1", by: "usr_1" });
      expect(fitting).toContain("Cut here");
    }
  });

  it("has a stand-in with its number when it was refused, or when no cutting helps", () => {
    const stored = { seq: 7, at: "2026-11-25T10:00:00.000Z", type: "todo.updated" as const };
    const many = JSON.stringify({ todos: Array.from({ length: 200_000 }, () => "small") });
    const standIn = { seq: 7, at: stored.at, type: STAND_IN_TYPE, data: "{}" };
    expect(mirrorEvent({ ...stored, data: many }, { isRefused: false })).toEqual(standIn);
    expect(mirrorEvent({ ...stored, data: '{"todos":[]}' }, { isRefused: true })).toEqual(standIn);
    expect(mirrorEvent({ ...stored, data: '{"todos":[]}' }, { isRefused: false })).toEqual({
      ...stored,
      data: '{"todos":[]}',
    });
  });
});
