import { STAND_IN_TYPE } from "../../timeline/stand-in";
import type { Database } from "../db/database";
import { mark } from "../events/outbox";
import type { Logger } from "../log";
import { allOf } from "./backfill";
import type { DirtyMarks } from "./dirty-marks";
import { type Draft, emptyBatch } from "./mirror-batch";
import type { MirrorError, MirrorTarget } from "./mirror-target";

/** What was refused alone is left out for so long; a deployment of newer functions may take it. */
const PARKED_MS = 300_000;
/** To find one takes some twenty batches, for which all sessions wait: one with more of them waits itself. */
const MOST_REPLACED = 20;

/**
 * The only thing in a batch is refused, so that everything else can go on: an event gets a stand-in, a row is left out for
 * a while, and a session that was to begin afresh as a whole does so row by row.
 * @param draft with one mark, and one event at most
 * @throws MirrorError when the mirror takes nothing at all: then it is not the content
 */
export async function leaveOut(
  deps: {
    db: Database;
    target: Pick<MirrorTarget, "push">;
    dirty: Pick<DirtyMarks, "park" | "replace" | "replaced" | "done">;
    log: Pick<Logger, "error">;
    now: () => number;
    /** It is to be asked for. */
    forgetPosition: (sessionId: string) => void;
  },
  { marks: [only], batch }: Pick<Draft, "marks" | "batch">,
  error: MirrorError,
): Promise<void> {
  const { db, target, dirty, log } = deps;
  if (only === undefined) return;
  if (only.topic === "rebuild" && batch.removed.length > 0) {
    await target.push({ ...emptyBatch(), removed: batch.removed });
    deps.forgetPosition(only.key);
    db.transaction((tx) => mark(tx, allOf(db, only.key)));
    dirty.done([only]);
    return;
  }
  await target.push(emptyBatch());
  const [event] = batch.events;
  if (
    event !== undefined &&
    event.type !== STAND_IN_TYPE &&
    dirty.replaced(event.sessionId).size < MOST_REPLACED
  ) {
    const { sessionId, seq, type } = event;
    log.error({ err: error, sessionId, seq, type }, "the mirror refuses this event; it gets a stand-in");
    dirty.replace(sessionId, seq);
    return;
  }
  log.error({ err: error, ...only }, "the mirror refuses this; it is left out for a while");
  dirty.park(only, deps.now() + PARKED_MS);
}
