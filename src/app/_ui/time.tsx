"use client";

import { useSyncExternalStore } from "react";
import { relativeTime, timeAgo } from "./relative-time";

const TICK_MS = 15_000;

/** Relative, exact on hover, in figures of one width. @param at ISO 8601 @param ago as part of a sentence: `4m ago` */
export function Time({ at, ago = false, className = "" }: { at: string; ago?: boolean; className?: string }) {
  const now = useSyncExternalStore(everyTick, currentTick, currentTick);
  return (
    <time
      dateTime={at}
      title={exactly(at)}
      className={`whitespace-nowrap tabular-nums ${className}`}
      // Server and browser differ in clock and in time zone.
      suppressHydrationWarning
    >
      {ago ? timeAgo(at, now) : relativeTime(at, now)}
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
