import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SidecarEventBody } from "../contract";
import { Coalescer, MAX_DELTA_UNITS } from "./coalescer";
import { fitEvent } from "./cut";

const delta = (partId: string, text: string): SidecarEventBody => ({
  type: "part.delta",
  data: { messageId: "m", partId, text },
});
const ended = (partId: string): SidecarEventBody => ({
  type: "part.ended",
  data: { messageId: "m", partId },
});

describe("coalescer", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function make() {
    const out: SidecarEventBody[] = [];
    return { out, coalescer: new Coalescer((events) => out.push(...events)) };
  }

  it("joins deltas of a part within the window", () => {
    const { out, coalescer } = make();
    for (const text of ["a", "b", "c"]) coalescer.push([delta("p", text)]);
    expect(out).toEqual([]);
    vi.advanceTimersByTime(25);
    expect(out).toEqual([delta("p", "abc")]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("releases what is held before any other event", () => {
    const { out, coalescer } = make();
    coalescer.push([delta("p", "a"), delta("q", "x"), delta("p", "b")]);
    coalescer.push([ended("p"), delta("q", "y")]);
    coalescer.flush();
    expect(out).toEqual([delta("p", "ab"), delta("q", "x"), ended("p"), delta("q", "y")]);
  });

  it("keeps output and text of one part apart", () => {
    const { out, coalescer } = make();
    const output: SidecarEventBody = {
      type: "tool.output",
      data: { messageId: "m", partId: "p", suffix: "o" },
    };
    coalescer.push([delta("p", "a"), output]);
    coalescer.flush();
    expect(out).toEqual([delta("p", "a"), output]);
  });

  it("splits at the limit and never inside a character", () => {
    const { out, coalescer } = make();
    const text = `${"x".repeat(MAX_DELTA_UNITS - 1)}😀${"y".repeat(MAX_DELTA_UNITS)}`;
    coalescer.push([delta("p", text)]);
    coalescer.flush();
    const pieces = out.flatMap((event) => (event.type === "part.delta" ? [event.data.text] : []));
    expect(pieces.join("")).toBe(text);
    expect(pieces[0]).toBe("x".repeat(MAX_DELTA_UNITS - 1));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(MAX_DELTA_UNITS);
  });
});

describe("an event over the limit", () => {
  it("is cut with a mark that says how much is missing", () => {
    const body: SidecarEventBody = {
      type: "tool.input",
      data: {
        messageId: "m",
        partId: "p",
        tool: "write",
        input: { content: "z".repeat(600_000), filePath: "a" },
      },
    };
    const cut = fitEvent(body);
    const json = JSON.stringify(cut);
    expect(Buffer.byteLength(json)).toBeLessThan(256 * 1024);
    expect(json).toContain("more characters are not shown");
  });

  it("is refused when not even short strings make it fit", () => {
    const input = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`key${i}`, i]));
    expect(
      fitEvent({ type: "tool.input", data: { messageId: "m", partId: "p", tool: "t", input } }),
    ).toBeNull();
  });

  it("stays as it is below the limit", () => {
    const body = delta("p", "short");
    expect(fitEvent(body)).toBe(body);
  });
});
