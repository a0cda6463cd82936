const FIRST_MS = 250;
const MAX_MS = 5_000;

/** @returns how long to wait before the next try, from 0.25 s doubling up to 5 s */
export function backoffMs(failures: number): number {
  return Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures, 10));
}

/** Waits {@link backoffMs}, or until the signal. */
export function waitMs(failures: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, backoffMs(failures));
    signal?.addEventListener("abort", done, { once: true });
  });
}
