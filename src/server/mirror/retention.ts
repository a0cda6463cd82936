import { and, inArray, notInArray } from "drizzle-orm";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import { LIVE_STATUSES } from "../sessions/decisions";
import type { DirtyMarks } from "./dirty-marks";
import type { Pusher } from "./pusher";

/** How long the mirror keeps the events of a session that does not run: pages that were away read on without the server. */
export const KEPT_MS = 10 * 60_000;
/** Sessions asked for in one statement. */
const PIECE = 500;

/**
 * Has the mirror let go of the events of sessions that do not run any more; browsers that open one read them from the
 * server. What an earlier server process told a Convex elsewhere stays there until its session runs again.
 */
export interface Retention {
  /** To be called each minute or so: what did not run at each look for {@link KEPT_MS} is let go of. */
  look(): void;
}

/** @param deps.now of a clock that only goes forward */
export function createRetention(deps: {
  db: Database;
  dirty: Pick<DirtyMarks, "add">;
  pusher: Pick<Pusher, "holding" | "wake">;
  now: () => number;
}): Retention {
  const { dirty, pusher, now } = deps;
  let restingSince = new Map<string, number>();
  return {
    look() {
      const resting = restingOf(deps.db, pusher.holding());
      restingSince = new Map(resting.map((id) => [id, restingSince.get(id) ?? now()]));
      const over = resting.filter((id) => now() - (restingSince.get(id) ?? now()) >= KEPT_MS);
      if (over.length === 0) return;
      dirty.add(over.map((key) => ({ topic: "release", key })));
      pusher.wake();
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
