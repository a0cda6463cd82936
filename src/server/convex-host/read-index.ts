import { isWithin, type KeyRange } from "./key-range";
import type { ChangedKey, Read } from "./transaction";

/** Who has read what, so that a change finds those it concerns without asking all. */
export interface ReadIndex<Reader> {
  add(reader: Reader, reads: readonly Read[]): void;
  remove(reads: readonly Read[]): void;
  readersOf(changed: readonly ChangedKey[]): Set<Reader>;
}

interface Entry<Reader> {
  reader: Reader;
  range: KeyRange;
}

export function createReadIndex<Reader>(): ReadIndex<Reader> {
  const buckets = new Map<string, Map<Read, Entry<Reader>>>();

  function remove(reads: readonly Read[]): void {
    for (const read of reads) {
      const name = bucketOf(read);
      const bucket = buckets.get(name);
      bucket?.delete(read);
      if (bucket?.size === 0) buckets.delete(name);
    }
  }

  return {
    add(reader, reads) {
      for (const read of reads) {
        const name = bucketOf(read);
        const bucket = buckets.get(name) ?? new Map<Read, Entry<Reader>>();
        buckets.set(name, bucket.set(read, { reader, range: read.range }));
      }
    },
    remove,
    readersOf(changed) {
      const readers = new Set<Reader>();
      for (const { table, index, key } of changed) {
        for (const name of [bucketName(table, index, key[0]), bucketName(table, index, null)]) {
          for (const { reader, range } of buckets.get(name)?.values() ?? []) {
            if (!readers.has(reader) && isWithin(key, range)) readers.add(reader);
          }
        }
      }
      return readers;
    },
  };
}

/** Most reads name one text to begin with, a session's id say: those of another session are not even looked at. */
function bucketOf({ table, index, range: { lo, hi } }: Read): string {
  const isOne = typeof lo.prefix[0] === "string" && lo.prefix[0] === hi.prefix[0];
  return bucketName(table, index, isOne ? lo.prefix[0] : null);
}

function bucketName(table: string, index: string, first: unknown): string {
  return JSON.stringify([table, index, ...(typeof first === "string" ? [first] : [])]);
}
