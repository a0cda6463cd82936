import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SidecarEventBody } from "../contract";
import { COALESCE_WINDOW_MS, Coalescer, MAX_DELTA_UNITS } from "./coalescer";
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

  it("passes on the first delta at once, and joins what follows within the window", () => {
    const { out, coalescer } = make();
    for (const text of ["a", "b", "c"]) coalescer.push([delta("p", text)]);
    expect(out).toEqual([delta("p", "a")]);
    vi.advanceTimersByTime(COALESCE_WINDOW_MS - 1);
    expect(out).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(out).toEqual([delta("p", "a"), delta("p", "bc")]);
    expect(vi.getTimerCount()).toBe(0);
    coalescer.push([delta("p", "d")]);
    expect(out).toHaveLength(2);
    vi.advanceTimersByTime(COALESCE_WINDOW_MS);
    expect(out).toHaveLength(3);
    vi.advanceTimersByTime(COALESCE_WINDOW_MS);
    coalescer.push([delta("p", "e")]);
    expect(out.slice(2)).toEqual([delta("p", "d"), delta("p", "e")]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("passes on no more than one event a window of a steady stream, and all of its text", () => {
    const { out, coalescer } = make();
    const letters = [..."abcdefghijklmnopqrstuvwxyz"];
    for (const letter of letters) {
      coalescer.push([delta("p", letter)]);
      vi.advanceTimersByTime(20);
    }
    coalescer.flush();
    expect(out.length).toBeLessThanOrEqual((letters.length * 20) / COALESCE_WINDOW_MS + 2);
    expect(out.flatMap((event) => (event.type === "part.delta" ? event.data.text : "")).join("")).toBe(
      letters.join(""),
    );
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
