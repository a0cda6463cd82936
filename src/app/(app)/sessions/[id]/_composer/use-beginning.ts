import { useEffect, useState } from "react";
import type { Timeline } from "../../../../../timeline/timeline";

/** A prompt that has not begun after this is one that waits, whatever the reason. */
const OVERDUE_MS = 2_000;

/**
 * The prompt that nothing holds back any more: it stands in the conversation already, as to list it for the blink of an eye
 * would move the page.
 * @returns its id; null when there is none, or when it takes too long
 */
export function useBeginning(timeline: Timeline): string | null {
  const first = beginning(timeline);
  const [overdue, setOverdue] = useState<string | null>(null);
  useEffect(() => {
    if (first === null) return;
    const timer = setTimeout(() => setOverdue(first), OVERDUE_MS);
    return () => clearTimeout(timer);
  }, [first]);
  return first === overdue ? null : first;
}

function beginning({ queue, status, currentTurnId }: Timeline): string | null {
  const runs = status?.status === "idle" || status?.status === "active";
  return runs && currentTurnId === null ? (queue[0]?.promptId ?? null) : null;
}
