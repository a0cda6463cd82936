import { compareKeys, isBefore, type Key, type Position } from "./key-range";

const CHUNK_ROWS = 256;

export interface Row {
  readonly key: Key;
}

/** Rows in the order of their keys, in chunks, so that an insert moves few of them. Keys are unique. */
export class SortedRows<R extends Row> {
  #chunks: R[][] = [];

  insert(row: R): void {
    const [chunkAt, rowAt] = this.#placeOf((other) => compareKeys(other.key, row.key) < 0);
    const chunk = this.#chunks[chunkAt];
    if (chunk === undefined) {
      // After all others: the last chunk takes it, unless there is none.
      const last = this.#chunks.at(-1);
      if (last === undefined) this.#chunks.push([row]);
      else this.#put(this.#chunks.length - 1, last.length, row);
    } else this.#put(chunkAt, rowAt, row);
  }

  remove(key: Key): void {
    const [chunkAt, rowAt] = this.#placeOf((other) => compareKeys(other.key, key) < 0);
    const chunk = this.#chunks[chunkAt];
    const row = chunk?.[rowAt];
    if (chunk === undefined || row === undefined || compareKeys(row.key, key) !== 0) return;
    chunk.splice(rowAt, 1);
    if (chunk.length === 0) this.#chunks.splice(chunkAt, 1);
  }

  /** The first row that is not before the position. */
  firstFrom(position: Position): R | undefined {
    const [chunkAt, rowAt] = this.#placeOf((row) => isBefore(row.key, position));
    return this.#chunks[chunkAt]?.[rowAt];
  }

  /** The last row before the position. */
  lastBefore(position: Position): R | undefined {
    const [chunkAt, rowAt] = this.#placeOf((row) => isBefore(row.key, position));
    return rowAt > 0 ? this.#chunks[chunkAt]?.[rowAt - 1] : this.#chunks[chunkAt - 1]?.at(-1);
  }

  #put(chunkAt: number, rowAt: number, row: R): void {
    const chunk = this.#chunks[chunkAt];
    if (chunk === undefined) return;
    chunk.splice(rowAt, 0, row);
    if (chunk.length <= CHUNK_ROWS) return;
    // Keys mostly grow: a chunk that overflows at its end stays full.
    const keep = rowAt === chunk.length - 1 ? CHUNK_ROWS : CHUNK_ROWS / 2;
    this.#chunks.splice(chunkAt + 1, 0, chunk.splice(keep));
  }

  /** Where rows begin that are not low; low ones come before all others. */
  #placeOf(isLow: (row: R) => boolean): [chunkAt: number, rowAt: number] {
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
