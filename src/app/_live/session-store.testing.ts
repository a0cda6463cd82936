/** For tests: a session's store as a page has it, with a scripted server and mirror, a clock and frames that stand still. */
import { numbered, plainTurn } from "../../timeline/testing";
import type { Timeline } from "../../timeline/timeline";
import { timelineWindow } from "../../timeline/window";
import type { PageClock } from "./clock";
import { manualPageClock } from "./clock.testing";
import { createSessionStore, type Freshness } from "./session-store";
import { scriptedServer, settled } from "./session-source.testing";

/** 13 events a turn, two messages each. */
export const turns = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => plainTurn(from + index)).flat();
export const logOf = (count: number) => numbered(turns(1, count));
export const all = (timeline: Timeline | null) =>
  timeline && timelineWindow(timeline, { limit: Number.MAX_SAFE_INTEGER });
export const ids = (timeline: Timeline | null) => timeline?.messages.slice().map(({ id }) => id);

interface PageOptions {
  isQuick?: boolean;
  page?: number;
  failure?: Error;
  isSlow?: boolean;
  /** Also told of how fresh the page is. */
  freshnessOf?: (clock: PageClock) => Freshness;
}
export async function openPage(
  log = logOf(3),
  { failure, isSlow, freshnessOf, ...options }: PageOptions = {},
) {
  const server = scriptedServer(log, options);
  server.failure = failure ?? null;
  server.isSlow = isSlow ?? false;
  const clock = manualPageClock();
  const frames = new Set<() => void>();
  const told = { answered: [] as boolean[], missing: false };
  const freshness = freshnessOf?.(clock);
  let notified = 0;
  server.mirrorTo();
  const store = createSessionStore({
    sessionId: "ses_1",
    source: server.source,
    freshness: {
      setAnswered(answered) {
        told.answered.push(answered);
        freshness?.setAnswered(answered);
      },
      setMissing(who, missing) {
        told.missing = missing;
        freshness?.setMissing(who, missing);
      },
    },
    clock,
    frame(act) {
      frames.add(act);
      return () => void frames.delete(act);
    },
    sentenceOf: (cause) => `So it is: ${cause instanceof Error ? cause.message : ""}`,
  });
  store.subscribe(() => (notified += 1));
  await settled();
  return {
    server,
    clock,
    store,
    told,
    frames,
    notifications: () => notified,
    timeline: () => store.current().timeline,
    draw() {
      const due = [...frames];
      frames.clear();
      for (const act of due) act();
    },
    async pass(ms: number) {
      clock.advance(ms);
      await settled();
    },
    grow(bodies = plainTurn(server.log.length)) {
      server.log.push(...numbered(bodies, server.log.length + 1));
    },
    /** How often the session was asked for since the last time. */
    checks: (() => {
      let before = 0;
      return () => {
        const now = server.asked.filter((what) => what === "session").length;
        const since = now - before;
        before = now;
        return since;
      };
    })(),
  };
}
export type OpenPage = Awaited<ReturnType<typeof openPage>>;
