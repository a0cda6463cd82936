import { describe, expect, it, vi } from "vitest";
import { manualClock } from "../clock.testing";
import { createRequestLines } from "./request-lines";

describe("the lines about requests", () => {
  const lines = () => {
    const clock = manualClock();
    const info = vi.fn();
    return { clock, info, mayWrite: createRequestLines({ clock, log: { info } }) };
  };
  const writtenOf = (mayWrite: (ip: string) => boolean, ips: string[]) => ips.filter(mayWrite).length;

  it("are 120 a minute of one address, and the rest is told as a number in the next", () => {
    const { clock, info, mayWrite } = lines();
    const insisting = Array.from({ length: 1000 }, () => "198.51.100.1");
    expect(writtenOf(mayWrite, insisting)).toBe(120);
    expect(mayWrite("198.51.100.2")).toBe(true);
    expect(info).not.toHaveBeenCalled();
    clock.advance(60_000);
    expect(mayWrite("198.51.100.1")).toBe(true);
    expect(info).toHaveBeenCalledExactlyOnceWith({ leftOut: 880 }, expect.any(String));
    clock.advance(60_000);
    expect(mayWrite("198.51.100.1")).toBe(true);
    expect(info).toHaveBeenCalledOnce();
  });

  it("are 600 a minute of all addresses together", () => {
    const { mayWrite } = lines();
    expect(
      writtenOf(
        mayWrite,
        Array.from({ length: 5000 }, (_, n) => `2001:db8::${n}`),
      ),
    ).toBe(600);
  });

  it("come again when the time of day is set back", () => {
    const { clock, mayWrite } = lines();
    expect(writtenOf(mayWrite, Array<string>(200).fill("::1"))).toBe(120);
    clock.shift(-86_400_000);
    clock.advance(60_000);
    expect(mayWrite("::1")).toBe(true);
  });
});
