import { and, inArray, notInArray } from "drizzle-orm";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import type { Logger } from "../log";
import { LIVE_STATUSES } from "../sessions/decisions";
import type { Pusher } from "./pusher";

/** How long the mirror keeps the events of a session that does not run: pages that were away read on without the server. */
export const KEPT_MS = 10 * 60_000;
/** Sessions asked for in one statement. */
const PIECE = 500;

/**
 * Has the mirror let go of the events of sessions that do not run any more; browsers that open one read them from the
 * server. What an earlier server process told a Convex elsewhere stays there until its session has run again.
 */
export interface Retention {
  /** To be called each minute or so: what did not run, and had no event, at each look for {@link KEPT_MS} is let go of. */
  look(): void;
}

/** As a session was seen first: `sinceMs` holds while the mirror has it up to the same event. */
interface Rest {
  seq: number;
  sinceMs: number;
}

/** @param deps.now of a clock that only goes forward */
export function createRetention(deps: {
  db: Database;
  pusher: Pick<Pusher, "holding" | "release">;
  log: Pick<Logger, "warn">;
  now: () => number;
}): Retention {
  const { pusher, now } = deps;
  let rests = new Map<string, Rest>();
  const look = () => {
    const holding = pusher.holding();
    const resting = restingOf(deps.db, [...holding.keys()]);
    rests = new Map(
      resting.map((id) => {
        const [seq, known] = [holding.get(id) ?? 0, rests.get(id)];
        return [id, known?.seq === seq ? known : { seq, sinceMs: now() }];
      }),
    );
    for (const [id, { sinceMs }] of rests) if (now() - sinceMs >= KEPT_MS) pusher.release(id);
  };
  return {
    look() {
      try {
        look();
      } catch (err) {
        deps.log.warn({ err }, "sessions that stopped could not be looked for; it is tried again");
      }
    },
  };
}

function restingOf(db: Database, ids: readonly string[]): string[] {
  const found: string[] = [];
  for (let from = 0; from < ids.length; from += PIECE) {
    const isOne = inArray(sessions.id, ids.slice(from, from + PIECE));
    const rows = db
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(isOne, notInArray(sessions.status, LIVE_STATUSES)))
      .all();
    found.push(...rows.map(({ id }) => id));
  }
  return found;
}
