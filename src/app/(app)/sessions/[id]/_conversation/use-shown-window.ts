import { useEffect, useState } from "react";
import type { Timeline } from "../../../../../timeline/timeline";
import { placeOf } from "../../../../../timeline/window";
import { startOf } from "./turns";

/** Messages that are drawn at first: enough to fill the page. Where they are short, more follow at once. */
const FIRST = 12;
/** Messages that are drawn more at a time. */
const CHUNK = 50;
/** With more than this many drawn, those far above are let go while the reader is at the end. */
const MOST_AT_END = 200;

interface ShownWindow {
  /** Place in the timeline of the first message that is drawn. */
  start: number;
  loading: boolean;
  failed: boolean;
  /** Draws more, from the timeline or from the server. */
  showOlder(): void;
}

/** Which messages of a long conversation are drawn: the newest, and older ones when they are scrolled to. */
export function useShownWindow(opts: {
  timeline: Timeline;
  atEnd: boolean;
  hasOlder: boolean;
  loadOlder: () => Promise<void>;
}): ShownWindow {
  const { timeline, atEnd, hasOlder, loadOlder } = opts;
  const { length } = timeline.messages;
  /** `startedSeq` of the first that is drawn: its place changes when older ones come in front. */
  const [fromSeq, setFromSeq] = useState<number | null>(null);
  const [wanted, setWanted] = useState(false);
  const [failed, setFailed] = useState(false);

  const beginAt = (place: number) => setFromSeq(timeline.messages.at(place)?.startedSeq ?? null);
  const start = fromSeq === null ? startOf(timeline, length, FIRST) : placeOf(timeline, fromSeq);
  if (fromSeq === null && length > 0) beginAt(start);
  else if (atEnd && !wanted && length - start > MOST_AT_END) beginAt(startOf(timeline, length, CHUNK));
  else if (wanted && start > 0) {
    beginAt(startOf(timeline, start, CHUNK));
    setWanted(false);
  }

  const mustLoad = wanted && start === 0 && hasOlder;
  useEffect(() => {
    if (!mustLoad) return;
    loadOlder()
      .then(() => setFailed(false))
      .catch(() => {
        setFailed(true);
        setWanted(false);
      });
  }, [mustLoad, loadOlder]);

  return {
    start,
    loading: mustLoad,
    failed,
    showOlder() {
      if (start > 0 || hasOlder) setWanted(true);
    },
  };
}
