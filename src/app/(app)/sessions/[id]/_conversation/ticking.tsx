"use client";

import { useEffect, useState } from "react";
import { duration } from "./figures";

/** The time of day in milliseconds, anew every second. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** How long something has taken so far, in whole seconds. */
export function Elapsed({ since }: { since: string }) {
  const ms = useNow() - Date.parse(since);
  return <span className="tabular-nums">{ms >= 1000 ? duration(Math.floor(ms / 1000) * 1000) : ""}</span>;
}
