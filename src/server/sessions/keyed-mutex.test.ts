import { describe, expect, it } from "vitest";
import { createKeyedMutex, createSemaphore } from "./keyed-mutex";

function gate() {
  let open = () => undefined as void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open: () => open(), opened };
}

describe("keyed mutex", () => {
  it("runs work on one key in order and other keys at once, also after a failure", async () => {
    const mutex = createKeyedMutex();
    const first = gate();
    const order: string[] = [];
    const a1 = mutex.run("a", async () => {
      await first.opened;
      order.push("a1");
      throw new Error("a1 failed");
    });
    const a2 = mutex.run("a", async () => void order.push("a2"));
    await mutex.run("b", async () => void order.push("b"));
    first.open();
    await expect(a1).rejects.toThrow("a1 failed");
    await a2;
    expect(order).toEqual(["b", "a1", "a2"]);
  });
});

describe("semaphore", () => {
  it("lets no more than its limit run at once", async () => {
    const slot = createSemaphore(2);
    let now = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 9 }, () =>
        slot(async () => {
          now += 1;
          most = Math.max(most, now);
          await Promise.resolve();
          now -= 1;
        }),
      ),
    );
    expect(most).toBe(2);
  });
});
