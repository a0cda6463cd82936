/** What happened lately, in memory of a fixed size: for people at a page. Prometheus keeps the past. */

export interface RecentCounts {
  add(name: string, count?: number): void;
  /** Within the window, by name; names without any are left out. */
  totals(): Map<string, number>;
}

/**
 * @param opts.slots parts of the window; what leaves it leaves by parts
 * @param opts.now ms of a clock that only goes forward
 */
export function createRecentCounts(opts: {
  windowMs: number;
  slots: number;
  now: () => number;
}): RecentCounts {
  const { slots, now } = opts;
  const slotMs = opts.windowMs / slots;
  const ring = Array.from({ length: slots }, () => ({ nth: -1, counts: new Map<string, number>() }));
  return {
    add(name, count = 1) {
      const nth = Math.floor(now() / slotMs);
      const slot = ring[nth % slots];
      if (slot === undefined) return;
      if (slot.nth !== nth) {
        slot.nth = nth;
        slot.counts.clear();
      }
      slot.counts.set(name, (slot.counts.get(name) ?? 0) + count);
    },
    totals() {
      const nth = Math.floor(now() / slotMs);
      const totals = new Map<string, number>();
      for (const slot of ring) {
        if (slot.nth <= nth - slots) continue;
        for (const [name, count] of slot.counts) totals.set(name, (totals.get(name) ?? 0) + count);
      }
      return totals;
    },
  };
}

export interface RecentValues {
  add(value: number): void;
  /** The value that this share of those in the window does not exceed; null when there is none. @param share 0 to 1 */
  quantile(share: number): number | null;
}

/** @param opts.most values kept at a time: when more come in a window, the oldest make room */
export function createRecentValues(opts: {
  windowMs: number;
  most: number;
  now: () => number;
}): RecentValues {
  const { windowMs, most, now } = opts;
  const values = new Float64Array(most);
  const times = new Float64Array(most).fill(-Infinity);
  let next = 0;
  return {
    add(value) {
      values[next] = value;
      times[next] = now();
      next = (next + 1) % most;
    },
    quantile(share) {
      const since = now() - windowMs;
      const inWindow = values.filter((_, index) => (times[index] ?? -Infinity) > since).sort();
      return inWindow[Math.max(Math.ceil(share * inWindow.length) - 1, 0)] ?? null;
    },
  };
}
