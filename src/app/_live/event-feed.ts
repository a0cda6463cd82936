import { STAND_IN_TYPE } from "../../timeline/stand-in";
import type { EventRow } from "./parse-event";

/** As many events as one window of the mirror holds. */
export const WINDOW = 100;
/** With this many of a window's events here the next one is opened, so that it is there in time. */
const OPEN_NEXT_AT = 70;

/** Watches the events after `afterSeq`, at most {@link WINDOW}, in order. @returns ends it */
export type WatchWindow = (afterSeq: number, onRows: (rows: readonly EventRow[]) => void) => () => void;

export interface EventFeed {
  /** Begins after this event; what was watched before is let go. */
  start(afterSeq: number): void;
  close(): void;
}

/**
 * The events of one session in their order, each once. Windows begin at fixed places, so that all who watch a session ask
 * the mirror the same questions.
 */
export function createEventFeed(deps: {
  watchWindow: WatchWindow;
  /** Consecutive, from the one after the last one given. */
  onEvents(rows: readonly EventRow[]): void;
  /** The mirror does not have the events that come next. Nothing comes until {@link EventFeed.start}. */
  onGap(): void;
}): EventFeed {
  let givenSeq = 0;
  const windows = new Map<number, { end: () => void; rows: readonly EventRow[] }>();

  const give = () => {
    for (let next = due(); next.length > 0; next = due()) {
      givenSeq = next.at(-1)?.seq ?? givenSeq;
      deps.onEvents(next);
      follow();
    }
  };
  /**
   * Those that can be given now; tells of a gap when the window that should have the next one begins later, or has a
   * stand-in for it.
   */
  const due = (): readonly EventRow[] => {
    const rows = windows.get(baseOf(givenSeq))?.rows ?? [];
    const from = rows.findIndex(({ seq }) => seq > givenSeq);
    if (from === -1) return [];
    let end = from;
    while (rows[end]?.seq === givenSeq + 1 + end - from && rows[end]?.type !== STAND_IN_TYPE) end += 1;
    if (end > from) return rows.slice(from, end);
    letGo();
    deps.onGap();
    return [];
  };
  /** Opens the windows that are needed, at most two, and ends the others. */
  const follow = () => {
    const base = baseOf(givenSeq);
    for (const [other, { end }] of windows) {
      if (other >= base) continue;
      end();
      windows.delete(other);
    }
    open(base);
    if (givenSeq - base >= OPEN_NEXT_AT) open(base + WINDOW);
  };
  const open = (base: number) => {
    if (windows.has(base)) return;
    const window = { end: () => undefined as void, rows: [] as readonly EventRow[] };
    windows.set(base, window);
    let isOpen = false;
    window.end = deps.watchWindow(base, (rows) => {
      if (windows.get(base) !== window) return;
      window.rows = rows;
      if (isOpen) give();
    });
    isOpen = true;
  };
  const letGo = () => {
    for (const { end } of windows.values()) end();
    windows.clear();
  };

  return {
    start(afterSeq) {
      letGo();
      givenSeq = afterSeq;
      follow();
      give();
    },
    close: letGo,
  };
}

function baseOf(seq: number): number {
  return Math.floor(seq / WINDOW) * WINDOW;
}
