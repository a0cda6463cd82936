import type { Session } from "../../server/sessions/session-store";
import type { Timeline } from "../../timeline/timeline";
import type { PageClock } from "./clock";
import { createLiveTimeline, type LiveTimeline } from "./live-timeline";
import { createServerCheck, type Pace, type ServerCheck } from "./server-check";
import { SessionGoneError, SignedOutError, type SessionSource } from "./session-source";

/** One session as a page shows it. Never changed in place. */
export interface LiveSession {
  /** undefined until it is known; null when it is gone, or is not the caller's to see. */
  session: Session | null | undefined;
  timeline: Timeline | null;
  /** A sentence while there is nothing to show. */
  error: string | null;
}

export interface SessionStore {
  current(): LiveSession;
  subscribe(onChange: () => void): () => void;
  /** @throws when the server does not answer; what is shown stays */
  loadOlder(): Promise<void>;
  /** Asks the server now: the page came back to the front, the network came back, the mirror is in doubt. */
  check(): void;
  setPace(pace: Pace): void;
  close(): void;
}

/** What is told of how fresh the page is. */
export interface Freshness {
  setAnswered(answered: boolean): void;
  setMissing(who: string, missing: boolean): void;
}

/**
 * A session from a snapshot of the server's and the mirror's events after it. The server is asked every now and then
 * whether the mirror kept up.
 */
export function createSessionStore(deps: {
  sessionId: string;
  source: SessionSource;
  freshness: Freshness;
  clock: PageClock;
  /** Runs it once, before the page is next drawn. @returns cancels */
  frame(act: () => void): () => void;
  sentenceOf(cause: unknown): string;
}): SessionStore {
  const { sessionId, source, freshness } = deps;
  const listeners = new Set<() => void>();
  let state: LiveSession = { session: undefined, timeline: null, error: null };
  let isOver = false;

  const set = (change: Partial<LiveSession>) => {
    state = { ...state, ...change };
    for (const listener of listeners) listener();
  };
  const asked = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const value = await call;
      freshness.setAnswered(true);
      return value;
    } catch (cause) {
      const isGone = cause instanceof SessionGoneError;
      freshness.setAnswered(isGone || cause instanceof SignedOutError);
      if (isGone && !isOver) {
        end();
        set({ session: null, error: null });
      }
      throw cause;
    }
  };
  const onFailed = (cause: unknown) => {
    if (!isOver && state.timeline === null) set({ error: deps.sentenceOf(cause) });
  };
  const showSession = (session: Session, { isRewound }: { isRewound: boolean }) => {
    if (isOver || (!isRewound && session.lastSeq < (state.session?.lastSeq ?? 0))) return;
    set({ session });
  };

  const timeline: LiveTimeline = createLiveTimeline({
    readWindow: (opts) => asked(source.timeline(opts)),
    watchWindow: (afterSeq, onRows) => source.watchWindow(afterSeq, onRows),
    frame: deps.frame,
    onChange(shown) {
      server.look();
      set({ timeline: shown, error: null });
    },
    onFailed,
    onHeardOf: (seq) => server.heardOf(seq),
  });
  const server: ServerCheck = createServerCheck({
    clock: deps.clock,
    session: () => asked(source.session()),
    shownSeq: () => state.session?.lastSeq ?? 0,
    timeline,
    onSession: showSession,
    onFailed,
    setMissing: (missing) => freshness.setMissing(sessionId, missing),
  });
  const endSession = source.watchSession((session) => {
    // The mirror may be filling up; the server knows.
    if (session === null) server.check();
    else showSession(session, { isRewound: false });
  });
  /** Nothing is asked or watched after this. */
  const end = () => {
    if (isOver) return;
    isOver = true;
    endSession();
    timeline.close();
    server.close();
  };
  server.check();
  void timeline.readAfresh();

  return {
    current: () => state,
    subscribe(onChange) {
      listeners.add(onChange);
      return () => void listeners.delete(onChange);
    },
    loadOlder: () => timeline.loadOlder(),
    check: () => server.check(),
    setPace: (pace) => server.setPace(pace),
    close() {
      end();
      listeners.clear();
    },
  };
}
