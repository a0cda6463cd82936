import { describe, expect, it } from "vitest";
import { fitEventData, MAX_EVENT_DATA_BYTES } from "./fit-event";

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
      const fitting = fitEventData(JSON.stringify(body));
      expect(Buffer.byteLength(fitting)).toBeLessThanOrEqual(MAX_EVENT_DATA_BYTES);
      expect(JSON.parse(fitting)).toMatchObject({ promptId: "prm_1", by: "usr_1" });
      expect(fitting).toContain("Cut here");
    }
  });
});
