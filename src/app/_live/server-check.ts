import type { Session } from "../../server/sessions/session-store";
import type { PageClock } from "./clock";
import type { LiveTimeline } from "./live-timeline";

export interface Pace {
  /** Nobody looks at a hidden page: it asks nothing by itself. */
  isVisible: boolean;
  /** The server is asked less often while the connection is. */
  isLive: boolean;
}

/** Asks the server every now and then whether the mirror kept up, and knows what is missing here. */
export interface ServerCheck {
  check(): void;
  setPace(pace: Pace): void;
  /** The log is known to have this event. */
  heardOf(seq: number): void;
  /** More is here, or less. */
  look(): void;
  close(): void;
}

const CHECK_MS = 15_000;
const CHECK_SOON_MS = 5_000;
/** Events that the mirror has not brought by then are fetched from the server. */
const MISSING_FOR_MS = 8_000;

export function createServerCheck(deps: {
  clock: PageClock;
  session(): Promise<Session>;
  /** Of the session as it is shown; 0 without one. */
  shownSeq(): number;
  timeline: LiveTimeline;
  /** @param answer.isRewound the log ends earlier than it did: this counts, whatever was shown */
  onSession(session: Session, answer: { isRewound: boolean }): void;
  onFailed(cause: unknown): void;
  setMissing(missing: boolean): void;
}): ServerCheck {
  const { clock, timeline } = deps;
  let pace: Pace = { isVisible: true, isLive: true };
  let knownSeq = 0;
  let missingSinceMs: number | null = null;
  let isClosed = false;
  let cancelNext: () => void = () => undefined;

  const look = () => {
    if (isClosed) return;
    const isMissing = timeline.current() !== null && timeline.lastSeq() < knownSeq;
    missingSinceMs = isMissing ? (missingSinceMs ?? clock.nowMs()) : null;
    deps.setMissing(isMissing);
  };
  const check = async () => {
    cancelNext();
    if (isClosed) return;
    const seqBefore = Math.max(timeline.lastSeq(), deps.shownSeq());
    try {
      const session = await deps.session();
      if (isClosed) return;
      const isRewound = session.lastSeq < seqBefore;
      knownSeq = isRewound ? session.lastSeq : Math.max(knownSeq, session.lastSeq);
      if (isRewound) timeline.rewind();
      deps.onSession(session, { isRewound });
      look();
      if (timeline.isStale() || isLate()) await timeline.readAfresh();
    } catch (cause) {
      deps.onFailed(cause);
    }
    plan();
  };
  const plan = () => {
    cancelNext();
    if (!isClosed && pace.isVisible) cancelNext = clock.after(waitMs(), () => void check());
  };
  const waitMs = () => {
    if (missingSinceMs === null) return pace.isLive && !timeline.isStale() ? CHECK_MS : CHECK_SOON_MS;
    const leftMs = missingSinceMs + MISSING_FOR_MS - clock.nowMs();
    return leftMs > 0 ? Math.min(leftMs, CHECK_SOON_MS) : CHECK_SOON_MS;
  };
  const isLate = () => missingSinceMs !== null && clock.nowMs() - missingSinceMs >= MISSING_FOR_MS;

  return {
    check: () => void check(),
    setPace(next) {
      const { isVisible, isLive } = pace;
      pace = next;
      if (next.isVisible && !isVisible) void check();
      else if (next.isVisible !== isVisible || next.isLive !== isLive) plan();
    },
    heardOf(seq) {
      knownSeq = Math.max(knownSeq, seq);
      look();
      plan();
    },
    look,
    close() {
      isClosed = true;
      cancelNext();
      deps.setMissing(false);
    },
  };
}
