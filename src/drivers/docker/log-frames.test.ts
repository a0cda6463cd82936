import { describe, expect, it } from "vitest";
import { joinLogFrames } from "./log-frames";

function frame(stream: 1 | 2, payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

describe("joinLogFrames", () => {
  it("keeps the order of both streams", () => {
    const raw = Buffer.concat([frame(1, "out\n"), frame(2, "err\n"), frame(1, ""), frame(1, "end\n")]);
    expect(joinLogFrames(raw)).toBe("out\nerr\nend\n");
  });

  it("joins a character that two frames share", () => {
    const euro = Buffer.from("€");
    expect(joinLogFrames(Buffer.concat([frame(1, euro.subarray(0, 1)), frame(1, euro.subarray(1))]))).toBe(
      "€",
    );
  });

  it("gives what there is of a cut answer", () => {
    const whole = frame(1, "hello");
    expect(joinLogFrames(whole.subarray(0, 10))).toBe("he");
    expect(joinLogFrames(whole.subarray(0, 5))).toBe("");
    expect(joinLogFrames(Buffer.alloc(0))).toBe("");
  });
});
