import { describe, expect, it } from "vitest";
import { sessionState, type SessionFacts } from "./session-state";

const idle: SessionFacts = {
  status: "idle",
  step: null,
  reason: null,
  busy: false,
  needsInput: false,
  agentState: "awake",
  stopsAt: null,
  queue: null,
};

describe("a session's dot and word", () => {
  it.each<[Partial<SessionFacts>, string, string]>([
    [{ status: "creating" }, "running", "creating"],
    [{ status: "creating", step: "image" }, "running", "creating 1/6"],
    [{ status: "creating", step: "agent" }, "running", "creating 6/6"],
    [{ status: "active", busy: true }, "running", "running"],
    [{ status: "active", busy: true, needsInput: true }, "attention", "needs you"],
    [{ status: "idle", needsInput: true }, "attention", "needs you"],
    [{}, "quiet", "idle"],
    [{ agentState: "asleep" }, "quiet", "asleep"],
    [{ agentState: "waking" }, "running", "waking"],
    [{ status: "stopped", agentState: "asleep" }, "off", "stopped"],
  ])("%o is %s, %s", (facts, tone, word) => {
    expect(sessionState({ ...idle, ...facts })).toEqual({ tone, word, why: null });
  });

  it.each([
    [1, "1st"],
    [2, "2nd"],
    [3, "3rd"],
    [4, "4th"],
    [11, "11th"],
    [12, "12th"],
    [23, "23rd"],
    [111, "111th"],
  ])("says that it is in line, and what it waits for: %i", (position, place) => {
    const reason = { code: "session_limit", message: "As many run as may." };
    const queue = { position, reason };
    expect(sessionState({ ...idle, status: "creating", queue })).toEqual({
      tone: "quiet",
      word: `${place} in line`,
      why: "As many run as may.",
    });
  });

  it("says of a session that nobody uses what keeps it running", () => {
    expect(sessionState({ ...idle, stopsAt: "2026-11-25T10:00:00.000Z" })).toEqual({
      tone: "quiet",
      word: "stops soon",
      why: "Nobody uses it. Open it to keep it running.",
    });
  });

  it("says of a failure what happened", () => {
    const reason = { code: "out_of_disk", message: "The disk is full. Free some space." };
    expect(sessionState({ ...idle, status: "error", reason })).toEqual({
      tone: "failed",
      word: "failed",
      why: reason.message,
    });
  });
});
