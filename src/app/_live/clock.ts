/** Time as the live stores see it: the browser's, or one that a test turns by hand. */
export interface PageClock {
  nowMs(): number;
  /** @returns cancels */
  after(ms: number, act: () => void): () => void;
}

export const browserClock: PageClock = {
  nowMs: () => Date.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};
