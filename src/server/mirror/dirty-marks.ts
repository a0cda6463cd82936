import type { Database } from "../db/database";
import { clearMarks, type Mark, marksAfter } from "../events/outbox";

/** How many marks one look at the outbox takes. */
const LOOK = 1_000;
/** SQLite's word for no limit: a mark a row at most. */
const ALL = -1;

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
  /** Those that are left out now. */
  parked(): Mark[];
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
    void dirty.set(`${entry.topic} ${entry.key}`, {
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
          if (topic === "rebuild") parked.clear();
          const known = dirty.get(`${topic} ${key}`);
          if (known === undefined) put({ topic, key, id });
          else known.id = id;
        }
        if (fresh.length < LOOK) return;
      }
    },
    add(marks) {
      for (const { topic, key } of marks) if (!dirty.has(`${topic} ${key}`)) put({ topic, key, id: null });
    },
    due,
    oldestDue: () => due().next().value?.nth ?? null,
    newest: () => newest,
    done(marks) {
      for (const { topic, key } of marks) {
        const name = `${topic} ${key}`;
        const id = dirty.get(name)?.id ?? null;
        if (id !== null) told.push(id);
        dirty.delete(name);
      }
    },
    park({ topic, key }, untilMs) {
      const name = `${topic} ${key}`;
      parked.set(name, { topic, key, untilMs });
      const entry = dirty.get(name);
      if (entry !== undefined) entry.sinceMs = untilMs;
    },
    parked: () =>
      [...parked].filter(([name]) => isParked(name)).map(([, { topic, key }]) => ({ topic, key })),
    waiting() {
      const known = [...due()];
      const fresh = marksAfter(db, loadedId, ALL).filter(({ topic, key }) => !dirty.has(`${topic} ${key}`));
      const sinceMs = known.reduce((oldest, entry) => Math.min(oldest, entry.sinceMs), Infinity);
      return { count: known.length + fresh.length, sinceMs: Number.isFinite(sinceMs) ? sinceMs : null };
    },
    clear,
  };
}
