import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import { AppError } from "../errors";
import { mark } from "../events/outbox";
import { findSession } from "../sessions/session-store";
import { askRebuild } from "./ask-rebuild";
import { sessionsThere, strangers, strangersThere } from "./backfill";
import { compareSession } from "./compare-session";
import { eventKey, type Parked } from "./dirty-marks";
import { MirrorError, type MirrorTarget } from "./mirror-target";
import type { Pusher } from "./pusher";

/** What was committed before the question must be there by then. */
const DRAIN_MS = 20_000;

export interface MirrorComparison {
  /** Sessions that were compared. */
  sessions: number;
  differing: { sessionId: string; why: string }[];
  /** What the mirror refused: rows that are left out for now, and events that have a stand-in there. */
  parked: Parked[];
}

/** The mirror against the log. */
export interface MirrorRepair {
  /** @throws AppError `internal` when the mirror does not answer or does not get up to date */
  compare(): Promise<MirrorComparison>;
  /**
   * The mirror lets go of what it has of this session, or of all, and is filled again from the log, each session in one
   * transaction; what was refused is tried again.
   * @returns of how many sessions; it goes on behind the answer
   */
  rebuild(sessionId?: string): Promise<{ sessions: number }>;
}

export function createMirrorRepair(deps: {
  db: Database;
  target: Pick<MirrorTarget, "eventsAfter" | "sessionIdsAfter">;
  pusher: Pick<Pusher, "drained" | "health" | "wake">;
  /** For `/readyz`: what is the matter, in a sentence. */
  check: () => Promise<string>;
}): MirrorRepair {
  const { db, target, pusher } = deps;
  return {
    async compare() {
      const rows = db.select({ sessionId: sessions.id, lastSeq: sessions.lastSeq }).from(sessions).all();
      await upToDate(deps);
      const differing: MirrorComparison["differing"] = [];
      // The mirror itself knows of events that were refused before this server started.
      const rowsRefused = pusher.health().parked.filter(({ topic }) => topic !== "event");
      const refused: Parked[] = [];
      await reached(async () => {
        for (const row of rows) {
          let found = await compareSession(deps, row);
          // The oldest events go while they are read, so one look that differs is not believed.
          if (found.why !== null) found = await compareSession(deps, row);
          const { why, standIns } = found;
          if (why !== null) differing.push({ sessionId: row.sessionId, why });
          refused.push(
            ...standIns.map((seq) => ({ topic: "event" as const, key: eventKey(row.sessionId, seq) })),
          );
        }
        const missing = new Set(rows.map(({ sessionId }) => sessionId));
        for await (const ids of sessionsThere(target)) {
          for (const id of ids) missing.delete(id);
          for (const { key } of strangers(db, ids))
            differing.push({ sessionId: key, why: "is there and not in the database" });
        }
        // One that is being told anew may be away for a moment, so one look that lacks it is not believed.
        if (missing.size > 0)
          for await (const ids of sessionsThere(target)) for (const id of ids) missing.delete(id);
        for (const { topic, key } of rowsRefused) if (topic === "session") missing.delete(key);
        for (const sessionId of missing) {
          if (findSession(db, sessionId) !== undefined)
            differing.push({ sessionId, why: "is in the database and not there" });
        }
      });
      return { sessions: rows.length, differing, parked: [...rowsRefused, ...refused] };
    },
    async rebuild(sessionId) {
      const count = askRebuild(db, sessionId);
      pusher.wake();
      if (sessionId === undefined) {
        const gone = await strangersThere(db, target).catch((error: unknown) => {
          // One that is away is filled when it comes back; what it should not have is told by the next comparison.
          if (error instanceof MirrorError) return [];
          throw error;
        });
        db.transaction((tx) => mark(tx, gone));
        pusher.wake();
      }
      return { sessions: count };
    },
  };
}

async function upToDate({
  pusher,
  check,
}: {
  pusher: Pick<Pusher, "drained">;
  check: () => Promise<string>;
}): Promise<void> {
  const end = new AbortController();
  const late = delay(DRAIN_MS, false, { signal: end.signal }).catch(() => false);
  const drained = pusher.drained().then(
    () => true,
    () => false,
  );
  const isThere = await Promise.race([drained, late]);
  end.abort();
  if (isThere) return;
  const why = await check();
  throw unreachable(why === "ok" ? "It is still being filled. Try again in a moment." : why);
}

async function reached<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    const next = `See that it runs and that its functions are this version's: "npm run convex:deploy".`;
    throw unreachable(`${error.message.replace(/\.?$/, ".")} ${next}`, error);
  }
}

function unreachable(why: string, cause?: unknown): AppError {
  return new AppError("SERVICE_UNAVAILABLE", "internal", `The mirror cannot be asked. ${why}`, { cause });
}
