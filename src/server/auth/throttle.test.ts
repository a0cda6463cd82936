import { describe, expect, it } from "vitest";
import { manualClock } from "../clock.testing";
import { AppError } from "../errors";
import { Throttle } from "./throttle";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describe("a throttle", () => {
  const usedUp = () => {
    const clock = manualClock();
    const throttle = new Throttle(clock, { tries: 2, windowMs: 15 * MINUTE_MS });
    throttle.take("alice");
    throttle.take("alice");
    return { clock, throttle };
  };
  const refusal = (throttle: Throttle): AppError => {
    try {
      throttle.take("alice");
    } catch (error) {
      if (error instanceof AppError) return error;
    }
    throw new Error("It was let through.");
  };

  it("counts each key for itself", () => {
    const { throttle } = usedUp();
    throttle.take("bob");
    expect(refusal(throttle)).toMatchObject({ reason: "throttled", retryAfterSeconds: 15 * 60 });
  });

  it("is not made longer by a time of day that is set back, nor shorter by one that is set on", () => {
    const { clock, throttle } = usedUp();
    clock.shift(-DAY_MS);
    expect(refusal(throttle).message).toBe("Too many tries. Wait 15 minutes, then try again.");
    clock.shift(2 * DAY_MS);
    expect(refusal(throttle).retryAfterSeconds).toBe(15 * 60);
    clock.advance(15 * MINUTE_MS);
    expect(() => throttle.take("alice")).not.toThrow();
  });
});
