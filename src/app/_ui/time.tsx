"use client";

import { useSyncExternalStore } from "react";
import { relativeTime } from "./relative-time";

const TICK_MS = 15_000;

/** Relative, exact on hover, in figures of one width. @param at ISO 8601 */
export function Time({ at, className = "" }: { at: string; className?: string }) {
  const now = useSyncExternalStore(everyTick, currentTick, currentTick);
  return (
    <time
      dateTime={at}
      title={exactly(at)}
      className={`whitespace-nowrap tabular-nums ${className}`}
      // Server and browser differ in clock and in time zone.
      suppressHydrationWarning
    >
      {relativeTime(at, now)}
    </time>
  );
}

function exactly(at: string): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** Only as fine as it is shown, so that every time on a page changes in the same tick. */
function currentTick(): number {
  return Math.ceil(Date.now() / TICK_MS) * TICK_MS;
}

function everyTick(onTick: () => void): () => void {
  const timer = setInterval(onTick, TICK_MS);
  return () => clearInterval(timer);
}
