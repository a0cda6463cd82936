import { compareToPrefix, keyOf, type Position } from "./key-range";
import type { Entry } from "./store";

const CHUNK_ROWS = 256;
type Paths = readonly (readonly string[])[];

/**
 * Documents in the order of an index, in chunks, so that an insert moves few of them. Their keys are read from them when
 * they are compared: kept beside each document they would be larger than it.
 */
export class SortedRows {
  #chunks: Entry[][] = [];
  readonly #paths: Paths;

  /** @param paths of what the index orders by; no two documents have all of it alike */
  constructor(paths: Paths) {
    this.#paths = paths;
  }

  insert(row: Entry): void {
    const [chunkAt, rowAt] = this.#placeOf({ prefix: keyOf(row.doc, this.#paths), isAfter: false });
    const chunk = this.#chunks[chunkAt];
    if (chunk === undefined) {
      // After all others: the last chunk takes it, unless there is none.
      const last = this.#chunks.at(-1);
      if (last === undefined) this.#chunks.push([row]);
      else this.#put(this.#chunks.length - 1, last.length, row);
    } else this.#put(chunkAt, rowAt, row);
  }

  remove(row: Entry): void {
    const key = keyOf(row.doc, this.#paths);
    const [chunkAt, rowAt] = this.#placeOf({ prefix: key, isAfter: false });
    const chunk = this.#chunks[chunkAt];
    const found = chunk?.[rowAt];
    if (chunk === undefined || found === undefined) return;
    if (compareToPrefix(found.doc, this.#paths, key) !== 0) return;
    chunk.splice(rowAt, 1);
    if (chunk.length === 0) this.#chunks.splice(chunkAt, 1);
  }

  /** The first document that is not before the position. */
  firstFrom(position: Position): Entry | undefined {
    const [chunkAt, rowAt] = this.#placeOf(position);
    return this.#chunks[chunkAt]?.[rowAt];
  }

  /** The last document before the position. */
  lastBefore(position: Position): Entry | undefined {
    const [chunkAt, rowAt] = this.#placeOf(position);
    return rowAt > 0 ? this.#chunks[chunkAt]?.[rowAt - 1] : this.#chunks[chunkAt - 1]?.at(-1);
  }

  #put(chunkAt: number, rowAt: number, row: Entry): void {
    const chunk = this.#chunks[chunkAt];
    if (chunk === undefined) return;
    chunk.splice(rowAt, 0, row);
    if (chunk.length <= CHUNK_ROWS) return;
    // Keys mostly grow: a chunk that overflows at its end stays full.
    const keep = rowAt === chunk.length - 1 ? CHUNK_ROWS : CHUNK_ROWS / 2;
    this.#chunks.splice(chunkAt + 1, 0, chunk.splice(keep));
  }

  /** Where rows begin that are not before the position. */
  #placeOf({ prefix, isAfter }: Position): [chunkAt: number, rowAt: number] {
    const isLow = ({ doc }: Entry) => {
      const order = compareToPrefix(doc, this.#paths, prefix);
      return order < 0 || (order === 0 && isAfter);
    };
    const chunkAt = firstIndex(this.#chunks, (chunk) => {
      const last = chunk.at(-1);
      return last !== undefined && isLow(last);
    });
    const chunk = this.#chunks[chunkAt];
    return [chunkAt, chunk === undefined ? 0 : firstIndex(chunk, isLow)];
  }
}

function firstIndex<T>(items: readonly T[], isLow: (item: T) => boolean): number {
  let [from, to] = [0, items.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const item = items[middle];
    if (item !== undefined && isLow(item)) from = middle + 1;
    else to = middle;
  }
  return from;
}
