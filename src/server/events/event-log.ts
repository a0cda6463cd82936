import { eq, sql } from "drizzle-orm";
import {
  type EventBody,
  parseEventBody,
  type SessionEvent,
  type SpoolPosition,
} from "../../../sidecar/src/contract";
import { type Clock, isoNow } from "../clock";
import { type Database, preparedOnce, type Store } from "../db/database";
import { events, sessions } from "../db/schema";
import { mark, type Mark, marksOf } from "./outbox";
import { lastSeqOf, readStored } from "./stored-events";

/** How many events one read takes at most; a follower goes on from there. */
export const READ_LIMIT = 500;
/** A read ends with the event that reaches this: a tool's output may be as large as hundreds of deltas. */
const READ_BYTES = 1024 * 1024;

/** One transaction of the system of record in which events may be made. */
export interface LogTransaction {
  readonly store: Store;
  /**
   * Appends one event and gives it the session's next seq. `made` is set for what a sidecar made.
   * @throws Error when the session has no row.
   */
  append(sessionId: string, body: EventBody, made?: SpoolPosition & { at: string }): SessionEvent;
}

export interface EventLog {
  /**
   * Runs `work` in one transaction: rows and events are committed together or not at all. Followers hear of the events
   * after the commit; `work` must not await.
   */
  transaction<T>(work: (tx: LogTransaction) => T): T;
  /** Events after `afterSeq` in order, at most {@link READ_LIMIT}, fewer of large ones; none when there are none. */
  read(sessionId: string, afterSeq: number, limit?: number): SessionEvent[];
  /**
   * Replay, then live, until the signal; each batch is non-empty and dense. Ends by itself when the session is removed.
   */
  follow(sessionId: string, afterSeq: number, signal: AbortSignal): AsyncIterable<SessionEvent[]>;
  /** Wakes followers of a removed session, whose streams then end. */
  forget(sessionId: string): void;
}

interface Follower {
  wake(): void;
}

/** @param deps.onCommit told after each transaction, whatever changed in it */
export function createEventLog(deps: {
  db: Database;
  clock: Clock;
  onCommit?: (() => void) | undefined;
}): EventLog {
  const statements = logStatements(deps.db);
  const followers = new Map<string, Set<Follower>>();
  const wake = (sessionId: string) => followers.get(sessionId)?.forEach((f) => f.wake());

  const read = (sessionId: string, afterSeq: number, limit = READ_LIMIT): SessionEvent[] =>
    readStored(deps.db, sessionId, {
      afterSeq,
      limit: Math.min(limit, READ_LIMIT),
      maxBytes: READ_BYTES,
    }).map((row) => ({ seq: row.seq, at: row.at, ...parseEventBody(row.type, JSON.parse(row.data)) }));

  const lastSeq = (sessionId: string): number => {
    const seq = lastSeqOf(deps.db, sessionId);
    if (seq === undefined) throw new Error(`No session ${sessionId} to append an event to`);
    return seq;
  };

  return {
    read,
    transaction(work) {
      const touched = new Map<string, number>();
      const marks = new Map<string, Mark>();
      const result = deps.db.transaction(() => {
        const value = work({
          // Not the transaction's own handle, which is another each time: statements are prepared once a database.
          store: deps.db,
          append: (sessionId, body, from) => {
            const seq = (touched.get(sessionId) ?? lastSeq(sessionId)) + 1;
            const at = from?.at ?? isoNow(deps.clock);
            const { epoch = null, n = null } = from ?? {};
            const data = JSON.stringify(body.data);
            statements.append.run({ sessionId, seq, at, type: body.type, data, epoch, n });
            touched.set(sessionId, seq);
            for (const made of marksOf(sessionId, body)) marks.set(`${made.topic} ${made.key}`, made);
            return { seq, at, ...body };
          },
        });
        const now = isoNow(deps.clock);
        for (const [sessionId, seq] of touched) {
          statements.touch.run({ sessionId, seq, now });
        }
        mark(deps.db, marks.values());
        return value;
      });
      deps.onCommit?.();
      for (const sessionId of touched.keys()) wake(sessionId);
      return result;
    },
    async *follow(sessionId, afterSeq, signal) {
      let position = afterSeq;
      const bell = createBell(signal);
      const set = followers.get(sessionId) ?? new Set();
      followers.set(sessionId, set.add(bell));
      try {
        while (!signal.aborted) {
          const batch = read(sessionId, position);
          const last = batch.at(-1);
          if (last) {
            position = last.seq;
            yield batch;
          } else if (lastSeqOf(deps.db, sessionId) !== undefined) {
            await bell.rung();
          } else {
            return;
          }
        }
      } finally {
        set.delete(bell);
        if (set.size === 0 && followers.get(sessionId) === set) followers.delete(sessionId);
        bell.close();
      }
    },
    forget: wake,
  };
}

const logStatements = preparedOnce((db) => {
  const given = sql.placeholder;
  return {
    append: db
      .insert(events)
      .values({
        sessionId: given("sessionId"),
        seq: given("seq"),
        at: given("at"),
        type: given("type"),
        data: given("data"),
        epoch: given("epoch"),
        n: given("n"),
      })
      .prepare(),
    touch: db
      .update(sessions)
      .set({ lastSeq: sql`${given("seq")}`, lastActivityAt: sql`${given("now")}` })
      .where(eq(sessions.id, given("sessionId")))
      .prepare(),
  };
});

/** Remembers a ring that came while nobody waited, so that no wake-up is missed between a read and the wait. */
function createBell(signal: AbortSignal) {
  let rung = false;
  let release: (() => void) | null = null;
  const wake = () => {
    rung = true;
    release?.();
  };
  signal.addEventListener("abort", wake, { once: true });
  return {
    wake,
    async rung() {
      if (!rung) await new Promise<void>((resolve) => (release = resolve));
      rung = false;
      release = null;
    },
    close: () => signal.removeEventListener("abort", wake),
  };
}
