import { describe, expect, it } from "vitest";
import { backoffMs, waitMs } from "./backoff";
import { PushQueue } from "./push-queue";

describe("PushQueue", () => {
  it("gives out in order what was pushed before and while somebody waits, and then ends", async () => {
    const queue = new PushQueue<number>();
    queue.push(1);
    queue.push(2);
    const seen: number[] = [];
    for await (const item of queue) {
      seen.push(item);
      if (item === 2) queueMicrotask(() => queue.push(3));
      if (item === 3) queue.push(4);
      if (item === 4) queueMicrotask(() => queue.end());
    }
    queue.push(5);
    expect(seen).toEqual([1, 2, 3, 4]);
  });
});

describe("backoff", () => {
  it("doubles up to five seconds", () => {
    expect([0, 1, 2, 3, 4, 5, 1000].map(backoffMs)).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  });
  it("stops waiting at the signal", async () => {
    const controller = new AbortController();
    const waiting = waitMs(10, controller.signal);
    controller.abort();
    await waiting;
    await waitMs(10, controller.signal);
  });
});
