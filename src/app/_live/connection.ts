import type { PageClock } from "./clock";
import { changesInMs, type ConnectionFacts, type ConnectionState, connectionState } from "./connection-state";

/** How fresh the page is, gathered from whoever notices something; one for the whole page. */
export interface Connection {
  /** The same object until it says something else. */
  current(): ConnectionState;
  subscribe(onChange: () => void): () => void;
  setOnline(online: boolean): void;
  setSocket(connected: boolean): void;
  /** Of a call to the server: it was answered, be it with a refusal, or not. */
  setAnswered(answered: boolean): void;
  /** @param who a session whose events are known to be missing here, or have come */
  setMissing(who: string, missing: boolean): void;
  close(): void;
}

export function createConnection({ clock }: { clock: PageClock }): Connection {
  const bornMs = clock.nowMs();
  const listeners = new Set<() => void>();
  const missing = new Map<string, number>();
  let facts: ConnectionFacts = {
    offlineSinceMs: null,
    socketDownSinceMs: bornMs,
    unansweredSinceMs: null,
    missingSinceMs: null,
  };
  let liveSinceMs = bornMs;
  let shown = connectionState(facts, bornMs, bornMs);
  let cancel: () => void = () => undefined;

  const look = () => {
    cancel();
    const nowMs = clock.nowMs();
    const next = connectionState(facts, nowMs, liveSinceMs);
    const wait = changesInMs(facts, nowMs);
    cancel = wait === null ? () => undefined : clock.after(wait, look);
    if (next.state === shown.state && next.sinceMs === shown.sinceMs) return;
    if (next.state === "live") liveSinceMs = nowMs;
    shown = next.state === "live" ? { state: "live", sinceMs: nowMs } : next;
    for (const listener of listeners) listener();
  };
  const set = (name: keyof ConnectionFacts, isSo: boolean) => {
    if ((facts[name] !== null) === isSo) return;
    facts = { ...facts, [name]: isSo ? clock.nowMs() : null };
    look();
  };
  look();

  return {
    current: () => shown,
    subscribe(onChange) {
      listeners.add(onChange);
      return () => void listeners.delete(onChange);
    },
    setOnline: (online) => set("offlineSinceMs", !online),
    setSocket: (connected) => set("socketDownSinceMs", !connected),
    setAnswered: (answered) => set("unansweredSinceMs", !answered),
    setMissing(who, isMissing) {
      if (isMissing === missing.has(who)) return;
      if (isMissing) missing.set(who, clock.nowMs());
      else missing.delete(who);
      const sinceMs = missing.size === 0 ? null : Math.min(...missing.values());
      facts = { ...facts, missingSinceMs: sinceMs };
      look();
    },
    close() {
      cancel();
      listeners.clear();
    },
  };
}
