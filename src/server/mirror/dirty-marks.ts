import type { Database } from "../db/database";
import { clearMarks, countMarksAfter, type Mark, markName, marksAfter } from "../events/outbox";

/** How many marks one look at the outbox takes. */
const LOOK = 1_000;

/** What the mirror refused: a row that is left out for a while, or an `event` ({@link eventKey}) that has a stand-in there. */
export interface Parked {
  topic: Mark["topic"] | "event";
  key: string;
}

export function eventKey(sessionId: string, seq: number): string {
  return `${sessionId} ${seq}`;
}

const NONE: ReadonlySet<number> = new Set();

/** What has still to be told, in order; each row once however often it changed. */
export interface DirtyMarks {
  /** Takes in what is new in the outbox. Not while a batch is on its way. */
  load(): void;
  /** Without a mark in the outbox: for what is sent again from the start. */
  add(marks: Iterable<Mark>): void;
  /** Those that may be sent now, oldest first. */
  due(): Iterable<Mark>;
  /** Number of the oldest that may be sent now, in the order in which they came in; null: there is none. */
  oldestDue(): number | null;
  /** Number of the last that came in. */
  newest(): number;
  done(marks: Iterable<Mark>): void;
  /** Leaves it out for a while. */
  park(mark: Mark, untilMs: number): void;
  /** Puts a stand-in in the place of an event from now on, until its session is to be told anew. */
  replace(sessionId: string, seq: number): void;
  /** Seqs of a session's events that have a stand-in. */
  replaced(sessionId: string): ReadonlySet<number>;
  /** The session has no events in the mirror any more. */
  forgetReplaced(sessionId: string): void;
  /** Those that are left out now. */
  parked(): Parked[];
  /** Those that may be sent and are not, those in the outbox too that were not taken in yet. */
  waiting(): {
    count: number;
    /** Since when the oldest waits, in ms of `now`; null: not known, or there is none. */ sinceMs:
      number | null;
  };
  /** Takes what is told out of the outbox. */
  clear(): void;
}

/**
 * The outbox is read once and cleared seldom: each clearing is a transaction on the disk, each mark cleared too late is told
 * once more after a crash, which changes nothing.
 * @param deps.now of a clock that only goes forward
 */
export function createDirtyMarks(deps: { db: Database; now: () => number }): DirtyMarks {
  const { db } = deps;
  const dirty = new Map<string, Mark & { id: number | null; nth: number; sinceMs: number }>();
  const parked = new Map<string, Mark & { untilMs: number }>();
  const replaced = new Map<string, Set<number>>();
  const told: number[] = [];
  let loadedId = 0;
  let newest = 0;
  const isParked = (key: string) => {
    const entry = parked.get(key);
    if (entry === undefined) return false;
    if (entry.untilMs > deps.now()) return true;
    parked.delete(key);
    return false;
  };
  const put = (entry: Mark & { id: number | null }) =>
    void dirty.set(markName(entry), {
      ...entry,
      nth: (newest += 1),
      sinceMs: deps.now(),
    });
  function* due() {
    for (const [name, entry] of dirty) if (!isParked(name)) yield entry;
  }
  const clear = () => {
    while (told.length > 0) {
      const some = told.slice(0, LOOK);
      clearMarks(db, some);
      told.splice(0, some.length);
    }
  };
  return {
    load() {
      if (told.length >= LOOK) clear();
      for (;;) {
        const fresh = marksAfter(db, loadedId, LOOK);
        for (const { id, topic, key } of fresh) {
          loadedId = id;
          // Whoever asks for that has mended something: what was refused is tried again as well.
          if (topic === "rebuild") {
            parked.clear();
            replaced.delete(key);
          }
          const known = dirty.get(markName({ topic, key }));
          if (known === undefined) put({ topic, key, id });
          else known.id = id;
        }
        if (fresh.length < LOOK) return;
      }
    },
    add(marks) {
      for (const { topic, key } of marks)
        if (!dirty.has(markName({ topic, key }))) put({ topic, key, id: null });
    },
    due,
    oldestDue: () => due().next().value?.nth ?? null,
    newest: () => newest,
    done(marks) {
      for (const mark of marks) {
        const name = markName(mark);
        const id = dirty.get(name)?.id ?? null;
        if (id !== null) told.push(id);
        dirty.delete(name);
      }
    },
    park({ topic, key }, untilMs) {
      const name = markName({ topic, key });
      parked.set(name, { topic, key, untilMs });
      const entry = dirty.get(name);
      if (entry !== undefined) entry.sinceMs = untilMs;
    },
    replace(sessionId, seq) {
      replaced.set(sessionId, (replaced.get(sessionId) ?? new Set()).add(seq));
    },
    replaced: (sessionId) => replaced.get(sessionId) ?? NONE,
    forgetReplaced: (sessionId) => void replaced.delete(sessionId),
    parked() {
      const rows = [...parked]
        .filter(([name]) => isParked(name))
        .map(([, { topic, key }]) => ({ topic, key }));
      const events = [...replaced].flatMap(([sessionId, seqs]) =>
        [...seqs].map((seq): Parked => ({ topic: "event", key: eventKey(sessionId, seq) })),
      );
      return [...rows, ...events];
    },
    waiting() {
      const known = [...due()];
      const fresh = countMarksAfter(db, loadedId, dirty.keys());
      const sinceMs = known.reduce((oldest, entry) => Math.min(oldest, entry.sinceMs), Infinity);
      return { count: known.length + fresh, sinceMs: Number.isFinite(sinceMs) ? sinceMs : null };
    },
    clear,
  };
}
