import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextFrame } from "./next-frame";

/** Frames that come when a test says so. */
let frames: Map<number, () => void>;

beforeEach(() => {
  vi.useFakeTimers();
  frames = new Map();
  let last = 0;
  vi.stubGlobal("requestAnimationFrame", (act: () => void) => {
    last += 1;
    frames.set(last, act);
    return last;
  });
  vi.stubGlobal("cancelAnimationFrame", (id: number) => void frames.delete(id));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the next frame", () => {
  it("runs it once, and waits no more", () => {
    const act = vi.fn();
    nextFrame(act);
    for (const frame of frames.values()) frame();
    vi.runAllTimers();
    expect(act).toHaveBeenCalledOnce();
  });

  it("is not waited for long: a hidden page has none", () => {
    const act = vi.fn();
    nextFrame(act);
    vi.advanceTimersByTime(250);
    expect(act).toHaveBeenCalledOnce();
    expect(frames.size).toBe(0);
  });

  it("runs nothing that was cancelled", () => {
    const act = vi.fn();
    nextFrame(act)();
    expect(frames.size).toBe(0);
    vi.runAllTimers();
    expect(act).not.toHaveBeenCalled();
  });
});
