/** Waits that a ring, the end or a time ends. */
export interface Bell {
  ring(): void;
  /** At once when it has rung since the last time. @returns whether it has rung */
  rungWithin(ms: number, signal: AbortSignal): Promise<boolean>;
  /** Whatever rings; at once when there is nothing to wait for. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let hasRung = false;
  let release: (() => void) | null = null;
  const wait = (ms: number, signal: AbortSignal, onStart: (end: () => void) => void) =>
    new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      onStart(end);
    });
  return {
    ring() {
      hasRung = true;
      release?.();
    },
    async rungWithin(ms, signal) {
      if (!hasRung && !signal.aborted) await wait(ms, signal, (end) => (release = end));
      release = null;
      const answer = hasRung;
      hasRung = false;
      return answer;
    },
    async pause(ms, signal) {
      if (ms > 0 && !signal.aborted) await wait(ms, signal, () => undefined);
    },
  };
}
