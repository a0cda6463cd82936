import { describe, expect, it, vi } from "vitest";
import { AT, numbered, plainTurn, randomEvents } from "../../timeline/testing";
import { timelineOf } from "../../timeline/timeline";
import { applyRow } from "./apply-row";
import { rowOf } from "./session-source.testing";

const timeline = timelineOf(numbered(plainTurn(1)));
const next = timeline.lastSeq + 1;

describe("the next event", () => {
  it("is applied as the log has it", () => {
    const events = randomEvents(5, 300);
    expect(events.map(rowOf).reduce(applyRow, timelineOf([]))).toEqual(timelineOf(events));
  });

  it("changes nothing when it is held already", () => {
    expect(applyRow(timeline, { seq: 3, at: AT, type: "error", data: "{" })).toBe(timeline);
  });

  it.each([
    ["of an unknown type", "part.sung", "{}"],
    ["of the wrong form", "part.delta", "{}"],
    ["that is no JSON", "part.delta", "{"],
  ])("moves the number alone: one %s", (_what, type, data) => {
    expect(applyRow(timeline, { seq: next, at: AT, type, data })).toEqual({ ...timeline, lastSeq: next });
  });

  it("moves the number alone when it cannot be applied, and the console is told", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const far = rowOf({ seq: next + 5, at: AT, type: "session.updated", data: { title: "x" } });
    expect(applyRow(timeline, far)).toEqual({ ...timeline, lastSeq: next + 5 });
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});
