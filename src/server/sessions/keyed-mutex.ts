/** Work on the same key runs one after another, in the order it came; other keys do not wait. */
export interface KeyedMutex {
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run(key, work) {
      const before = tails.get(key) ?? Promise.resolve();
      const result = before.then(work, work);
      const tail = result
        .catch(() => undefined)
        .then(() => {
          if (tails.get(key) === tail) tails.delete(key);
        });
      tails.set(key, tail);
      return result;
    },
  };
}

/**
 * At most `limit` pieces of work at once; the rest wait in order.
 * @returns a function that rejects with the signal's reason when it is aborted before its turn
 */
export function createSemaphore(
  limit: number,
): <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T> {
  let free = limit;
  const waiting = new Set<() => void>();
  const enter = (signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const leave = () => {
        waiting.delete(go);
        reject(signal?.reason instanceof Error ? signal.reason : new Error("given up while waiting"));
      };
      const go = () => {
        waiting.delete(go);
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      waiting.add(go);
      signal?.addEventListener("abort", leave, { once: true });
    });
  return async (work, signal) => {
    signal?.throwIfAborted();
    if (free > 0) free -= 1;
    else await enter(signal);
    try {
      return await work();
    } finally {
      const [next] = waiting;
      if (next) next();
      else free += 1;
    }
  };
}
