import { expect, test } from "vitest";
import { RingBuffer } from "./ring-buffer";

const text = (ring: RingBuffer, offset = 0) => {
  const { from, bytes } = ring.readFrom(offset);
  return [from, bytes.toString("latin1")];
};

test("starts empty", () => {
  const ring = new RingBuffer(8);
  expect([ring.start, ring.end]).toEqual([0, 0]);
  expect(text(ring)).toEqual([0, ""]);
});

test("gives what was written after an offset", () => {
  const ring = new RingBuffer(8);
  ring.append(Buffer.from("abc"));
  ring.append(Buffer.from("de"));
  expect(text(ring, 0)).toEqual([0, "abcde"]);
  expect(text(ring, 2)).toEqual([2, "cde"]);
  expect(text(ring, 5)).toEqual([5, ""]);
});

test("keeps the last bytes under their absolute offsets and says where they begin", () => {
  const ring = new RingBuffer(8);
  for (const part of ["abcdef", "ghij", "kl"]) ring.append(Buffer.from(part));
  expect([ring.start, ring.end]).toEqual([4, 12]);
  expect(text(ring, 0)).toEqual([4, "efghijkl"]);
  expect(text(ring, 10)).toEqual([10, "kl"]);
});

test("an offset that was never written gives everything held", () => {
  const ring = new RingBuffer(8);
  ring.append(Buffer.from("abc"));
  expect(text(ring, 99)).toEqual([0, "abc"]);
  expect(text(ring, -1)).toEqual([0, "abc"]);
});

test("a chunk larger than the capacity leaves its end", () => {
  const ring = new RingBuffer(4);
  ring.append(Buffer.from("x"));
  ring.append(Buffer.from("0123456789"));
  expect([ring.start, ring.end]).toEqual([7, 11]);
  expect(text(ring, 0)).toEqual([7, "6789"]);
});

test("agrees with a plain string through many writes of odd sizes", () => {
  const ring = new RingBuffer(97);
  let all = "";
  for (let index = 0; index < 500; index += 1) {
    const chunk = String.fromCharCode(97 + (index % 26)).repeat((index * 7) % 131);
    all += chunk;
    ring.append(Buffer.from(chunk));
    expect(text(ring, 0)).toEqual([Math.max(0, all.length - 97), all.slice(-97)]);
    const middle = all.length - Math.min(all.length, index % 97);
    expect(text(ring, middle)).toEqual([middle, all.slice(middle)]);
  }
});

test("what was read does not change when more is written", () => {
  const ring = new RingBuffer(4);
  ring.append(Buffer.from("abcd"));
  const { bytes } = ring.readFrom(0);
  ring.append(Buffer.from("wxyz"));
  expect(bytes.toString()).toBe("abcd");
});

test("goes on where another one ended, and has nothing from before", () => {
  const ring = new RingBuffer(8, 1001);
  expect([ring.start, ring.end]).toEqual([1001, 1001]);
  ring.append(Buffer.from("abc"));
  expect(text(ring, 0)).toEqual([1001, "abc"]);
  expect(text(ring, 1003)).toEqual([1003, "c"]);
  ring.append(Buffer.from("defghijk"));
  expect(text(ring, 0)).toEqual([1004, "defghijk"]);
});
