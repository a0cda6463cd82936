import type { SpoolPosition } from "../contract";
import type { SpoolLine } from "./spool-file";

const TAIL_LINES = 2000;
const TAIL_UNITS = 2 * 1024 * 1024;
const MAX_LINES_A_BATCH = 500;
const MAX_UNITS_A_BATCH = 512 * 1024;

/** Lines of one epoch in order, with the position after them. */
export interface SpoolBatch {
  lines: string[];
  position: SpoolPosition;
}

/** The last lines of the open epoch in memory, so that readers who keep up need not read the file. */
export class SpoolTail {
  #lines: SpoolLine[] = [];
  #units = 0;

  add(lines: readonly SpoolLine[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      this.#units += line.line.length;
    }
    let drop = 0;
    while (this.#lines.length - drop > TAIL_LINES || this.#units > TAIL_UNITS) {
      this.#units -= this.#lines[drop]?.line.length ?? 0;
      drop += 1;
    }
    if (drop > 0) this.#lines = this.#lines.slice(drop);
  }

  /** Lines after `n` up to `upTo`; null when the first of them is no longer here. Numbers are dense. */
  after(n: number, upTo: number): SpoolLine[] | null {
    const first = this.#lines[0]?.n;
    return first === undefined || first > n + 1 ? null : this.#lines.slice(n + 1 - first, upTo + 1 - first);
  }
}

/** Lines in portions that fit one message of the event stream. */
export function* batches(epoch: number, lines: readonly SpoolLine[]): Generator<SpoolBatch> {
  let batch: string[] = [];
  let units = 0;
  let last = 0;
  for (const { n, line } of lines) {
    if (batch.length >= MAX_LINES_A_BATCH || units > MAX_UNITS_A_BATCH) {
      yield { lines: batch, position: { epoch, n: last } };
      batch = [];
      units = 0;
    }
    batch.push(line);
    units += line.length;
    last = n;
  }
  if (batch.length > 0) yield { lines: batch, position: { epoch, n: last } };
}
