import { createHash } from "node:crypto";
import { STAND_IN_TYPE } from "../../timeline/stand-in";
import type { Database } from "../db/database";
import { readStored } from "../events/stored-events";
import { isLive } from "../sessions/decisions";
import { findSession } from "../sessions/session-store";
import { mirrorEvent } from "./fit-event";
import type { MirrorEvent, MirrorTarget } from "./mirror-target";

export interface SessionComparison {
  /** What is wrong, as it reads after the session's id; null when they are the same or the session is gone. */
  why: string | null;
  /** Seqs of events that the mirror refused and has a stand-in for. */
  standIns: number[];
}

/**
 * Compares the events that a mirror has of a session, which are its newest, with the log's by a hash over both.
 * @param opts.lastSeq that the mirror must have reached at least
 */
export async function compareSession(
  deps: { db: Database; target: Pick<MirrorTarget, "eventsAfter"> },
  { sessionId, lastSeq }: { sessionId: string; lastSeq: number },
): Promise<SessionComparison> {
  const standIns: number[] = [];
  const outcome = (why: string | null) => ({ why, standIns });
  const here = createHash("sha256");
  const there = createHash("sha256");
  let reached = 0;
  for (;;) {
    const page = await deps.target.eventsAfter(sessionId, reached);
    const [first, last] = [page[0], page.at(-1)];
    if (first === undefined || last === undefined) break;
    if (reached > 0 && first.seq !== reached + 1)
      return outcome(`lacks events between ${reached} and ${first.seq}`);
    update(there, page);
    const range = { afterSeq: first.seq - 1, limit: page.length, maxBytes: Number.MAX_SAFE_INTEGER };
    const stored = readStored(deps.db, sessionId, range);
    const refused = new Set(page.filter(({ type }) => type === STAND_IN_TYPE).map(({ seq }) => seq));
    update(
      here,
      stored.map((event) => mirrorEvent(event, { isRefused: refused.has(event.seq) })),
    );
    standIns.push(...refused);
    reached = last.seq;
  }
  const row = findSession(deps.db, sessionId);
  if (row === undefined) return outcome(null);
  if (reached === 0) return outcome(isLive(row.status) && lastSeq > 0 ? "has no events there" : null);
  if (reached < lastSeq) return outcome(`ends at event ${reached} there, at ${lastSeq} in the log`);
  const same = here.digest("hex") === there.digest("hex");
  return outcome(same ? null : `has other events there than in the log (up to ${reached})`);
}

function update(hash: ReturnType<typeof createHash>, events: readonly MirrorEvent[]): void {
  for (const { seq, at, type, data } of events) hash.update(`${JSON.stringify([seq, at, type, data])}\n`);
}
