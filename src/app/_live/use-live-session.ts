"use client";

import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { sentenceOf } from "../_client/sentence-of";
import { browserClock } from "./clock";
import { nextFrame } from "./next-frame";
import { type Live, useLive } from "./live-provider";
import { createSessionSource } from "./session-source";
import { createSessionStore, type LiveSession, type SessionStore } from "./session-store";

const NOTHING_YET: LiveSession = { session: undefined, timeline: null, error: null };

/** A session as it is now, and as it goes on. */
export function useLiveSession(sessionId: string): LiveSession & {
  hasOlder: boolean;
  /** @throws when the server does not answer */
  loadOlder(): Promise<void>;
  /** Asks the server now instead of in a while. */
  check(): void;
} {
  const live = useLive();
  const [store, setStore] = useState<SessionStore | null>(null);
  useEffect(() => {
    if (live === null) return;
    const { opened, close } = openStore(live, sessionId);
    setStore(opened);
    return () => {
      close();
      setStore(null);
    };
  }, [live, sessionId]);
  const state = useSyncExternalStore(
    useCallback((onChange) => store?.subscribe(onChange) ?? (() => undefined), [store]),
    () => store?.current() ?? NOTHING_YET,
    () => NOTHING_YET,
  );
  const loadOlder = useCallback(async () => store?.loadOlder(), [store]);
  const check = useCallback(() => store?.check(), [store]);
  return { ...state, hasOlder: state.timeline?.hasOlder ?? false, loadOlder, check };
}

function openStore(live: Live, sessionId: string): { opened: SessionStore; close: () => void } {
  const opened: SessionStore = createSessionStore({
    sessionId,
    source: createSessionSource({
      sessionId,
      client: live.client,
      onSignedOut: () => live.identity.doubt(),
      // Not from within the call that made the store: the first answers may be here already.
      onNotFound: () => queueMicrotask(() => opened.check()),
    }),
    freshness: live.connection,
    clock: browserClock,
    frame: nextFrame,
    sentenceOf,
  });
  const ends = [followPage(opened), followPace(opened, live)];
  return {
    opened,
    close: () => {
      for (const end of ends) end();
      opened.close();
    },
  };
}

/** A page that was away, or a laptop that slept, may have missed something. */
function followPage(store: SessionStore): () => void {
  const check = () => store.check();
  window.addEventListener("focus", check);
  window.addEventListener("online", check);
  window.addEventListener("pageshow", check);
  return () => {
    window.removeEventListener("focus", check);
    window.removeEventListener("online", check);
    window.removeEventListener("pageshow", check);
  };
}

function followPace(store: SessionStore, { connection }: Live): () => void {
  const tell = () =>
    store.setPace({
      isVisible: document.visibilityState === "visible",
      isLive: connection.current().state === "live",
    });
  const end = connection.subscribe(tell);
  document.addEventListener("visibilitychange", tell);
  tell();
  return () => {
    end();
    document.removeEventListener("visibilitychange", tell);
  };
}
