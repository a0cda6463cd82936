import { useEffect, useEffectEvent, useRef, useState } from "react";
import { api } from "../../../../_client/api";
import { sentenceOf } from "../../../../_client/sentence-of";
import { toast } from "../../../../_ui/toast";
import { hasOpenOverlay } from "../../../../_ui/open-overlay";

/** How long a person is told what a stop has kept. */
const TOLD_MS = 8_000;
/** The second Escape counts when it comes within this. */
const PAIR_MS = 800;

/** Stops the agent, by a button or by Escape twice; what it did so far stays, and what waits goes on. */
export function useAbort(
  sessionId: string,
  canAbort: boolean,
): {
  isAborting: boolean;
  /** What the last stop has kept, in a sentence; null when there is nothing to say any more. */
  kept: string | null;
  abort: () => void;
} {
  const [isAborting, setAborting] = useState(false);
  const [kept, setKept] = useState<string | null>(null);
  useEffect(() => {
    if (kept === null) return;
    const timer = setTimeout(() => setKept(null), TOLD_MS);
    return () => clearTimeout(timer);
  }, [kept]);
  const run = async () => {
    setAborting(true);
    try {
      const stopped = await api.prompts.abort.mutate({ sessionId });
      setKept(stopped.aborted ? keptSentence(stopped.kept) : null);
    } catch (cause) {
      toast(sentenceOf(cause));
    }
    setAborting(false);
  };
  useEscapeTwice(canAbort, () => void run());
  return { isAborting, kept, abort: () => void run() };
}

/** @param count how many prompts wait, the next of which begins by itself */
export function keptSentence(count: number): string | null {
  if (count === 0) return null;
  return count === 1
    ? "Stopped. The prompt that waited is kept and begins now."
    : `Stopped. ${count} prompts that waited are kept: the next begins now, the others follow.`;
}

function useEscapeTwice(enabled: boolean, act: () => void): void {
  const pressedMs = useRef(-Infinity);
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.repeat || event.defaultPrevented || isElsewhere(event.target)) return;
    const isSecond = event.timeStamp - pressedMs.current <= PAIR_MS;
    pressedMs.current = isSecond ? -Infinity : event.timeStamp;
    if (isSecond) act();
  });
  useEffect(() => {
    if (!enabled) return;
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [enabled]);
}

/** Programs in a terminal and open dialogs have their own use for Escape. */
function isElsewhere(target: EventTarget | null): boolean {
  const inTerminal = target instanceof Element && target.closest(".xterm") !== null;
  return inTerminal || hasOpenOverlay();
}
