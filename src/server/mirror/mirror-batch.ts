import type { Database } from "../db/database";
import type { Mark } from "../events/outbox";
import { lastSeqOf, readStored } from "../events/stored-events";
import { isLive } from "../sessions/decisions";
import { findSession } from "../sessions/session-store";
import { allOf } from "./backfill";
import type { DirtyMarks } from "./dirty-marks";
import { mirrorEvent } from "./fit-event";
import { personRow, readRow, requestRow, sessionRow } from "./mirror-rows";
import type { MirrorBatch } from "./mirror-target";

/** Rows and events in one batch at most: each row is an index range of the transaction there, and Convex takes 4,096. */
export const FULL_BATCH = { marks: 400, events: 1_000 };
/** What else bounds a batch: it is one transaction there, and is made in one piece here. */
const LIMITS = {
  bytes: 512 * 1024,
  /** No more is put in after this. */
  sliceMs: 15,
};
/** Events that a session begins with where the mirror has none of it: browsers read older ones from the server. */
const TAIL = 200;

export interface Draft {
  batch: MirrorBatch;
  /** What the batch tells of. */
  marks: Mark[];
  /** Those of `marks` of which nothing more is to be told then; the others go on in the next batch. */
  finished: Mark[];
  /** Seq that each session's events reach with it. */
  positions: Map<string, number>;
}

interface Filling extends Draft {
  db: Database;
  bytes: number;
  /** Sessions that are being told anew: the mirror has let go of them, and has not got all of them back. */
  renewing: ReadonlySet<string>;
  mostEvents: number;
  /** Seq that the mirror has of a session; undefined while that is not known. */
  positionOf(sessionId: string): number | undefined;
  /** Seqs of a session's events that the mirror refuses: it gets stand-ins for them. */
  replaced: DirtyMarks["replaced"];
}

export function emptyBatch(): MirrorBatch {
  return { people: [], sessions: [], events: [], requests: [], closedRequests: [], reads: [], removed: [] };
}

/**
 * The next batch from the rows as they are now.
 * @param opts.most marks and events that it tells of at most
 */
export function draftBatch(
  db: Database,
  due: Iterable<Mark>,
  opts: { most: typeof FULL_BATCH; now: () => number } & Pick<
    Filling,
    "positionOf" | "renewing" | "replaced"
  >,
): Draft {
  const draft: Filling = {
    db,
    batch: emptyBatch(),
    marks: [],
    finished: [],
    positions: new Map(),
    bytes: 0,
    mostEvents: opts.most.events,
    positionOf: opts.positionOf,
    renewing: opts.renewing,
    replaced: opts.replaced,
  };
  const startedAt = opts.now();
  for (const mark of due) {
    if (draft.marks.length >= opts.most.marks || isFull(draft) || opts.now() - startedAt > LIMITS.sliceMs)
      break;
    const progress = PUT[mark.topic](draft, mark.key);
    if (progress === "later") continue;
    draft.marks.push(mark);
    if (progress === "finished") draft.finished.push(mark);
  }
  return draft;
}

/** `more`: some of it is in the batch, the rest goes into the next. `later`: nothing of it can be told yet. */
type Progress = "finished" | "more" | "later";

const PUT: Record<Mark["topic"], (draft: Filling, key: string) => Progress> = {
  person(draft, key) {
    return put(draft, draft.batch.people, personRow(draft.db, key));
  },
  session(draft, key) {
    const row = sessionRow(draft.db, key);
    if (row === null) {
      draft.batch.removed.push(key);
      draft.positions.set(key, 0);
    }
    return put(draft, draft.batch.sessions, row);
  },
  request(draft, key) {
    const row = requestRow(draft.db, key);
    if (row === null) draft.batch.closedRequests.push(key);
    return put(draft, draft.batch.requests, row);
  },
  read(draft, key) {
    return put(draft, draft.batch.reads, readRow(draft.db, key));
  },
  events: putEvents,
  rebuild: putAnew,
};

/** Lets go of a session and puts all that is of it again, in one transaction there: nobody sees it half. */
function putAnew(draft: Filling, sessionId: string): Progress {
  if (draft.renewing.has(sessionId)) return putEvents(draft, sessionId);
  const there = draft.positionOf(sessionId);
  // Events that go before it in this batch would be taken for its first.
  if (there === undefined || draft.positions.has(sessionId)) return "later";
  const row = findSession(draft.db, sessionId);
  draft.batch.removed.push(sessionId);
  draft.positions.set(sessionId, 0);
  if (row === undefined) return "finished";
  for (const { topic, key } of allOf(draft.db, sessionId)) if (topic !== "events") PUT[topic](draft, key);
  // As when a mirror is filled: of what does not run it gets no events that it did not have.
  return there > 0 || isLive(row.status) ? putEvents(draft, sessionId) : "finished";
}

function put<Row extends object>(draft: Filling, rows: Row[], row: Row | null): Progress {
  if (row !== null) {
    rows.push(row);
    draft.bytes += Buffer.byteLength(JSON.stringify(row));
  }
  return "finished";
}

function putEvents(draft: Filling, sessionId: string): Progress {
  const { db, batch } = draft;
  const lastSeq = lastSeqOf(db, sessionId);
  // Removed: another mark says so.
  if (lastSeq === undefined) return "finished";
  const there = draft.positions.get(sessionId) ?? draft.positionOf(sessionId);
  if (there === undefined) return "later";
  const afterSeq = there === 0 ? Math.max(0, lastSeq - TAIL) : there;
  const rows = readStored(db, sessionId, {
    afterSeq,
    limit: draft.mostEvents - batch.events.length,
    maxBytes: LIMITS.bytes - draft.bytes,
  });
  const replaced = draft.replaced(sessionId);
  for (const row of rows) {
    const event = mirrorEvent(row, { isRefused: replaced.has(row.seq) });
    batch.events.push({ sessionId, ...event });
    draft.bytes += Buffer.byteLength(event.data);
  }
  const reached = rows.at(-1)?.seq ?? afterSeq;
  draft.positions.set(sessionId, reached);
  return reached >= lastSeq ? "finished" : "more";
}

function isFull({ batch, bytes, mostEvents }: Filling): boolean {
  // The rows of a session that begins afresh may go without events.
  return bytes >= LIMITS.bytes || batch.events.length >= Math.max(mostEvents, 1);
}
