import { parseLine, type SpoolLine, type TimedBody } from "./spool-file";

const DELTA =
  /^\{"epoch":\d+,"n":\d+,"at":"[^"]*","type":"(?:part\.delta|tool\.output)","data":\{"messageId":"[^"]*","partId":"([^"]*)"/;

/**
 * Lines that only add text to a part, put aside while a spool is read: nearly all of a large one are such, and only those of
 * parts that are open at its end are of any use.
 */
export class UnreadDeltas {
  readonly #byPart = new Map<string, string[]>();

  /** False for any other line. */
  take({ line }: SpoolLine): boolean {
    const partId = DELTA.exec(line)?.[1];
    if (partId === undefined) return false;
    const lines = this.#byPart.get(partId);
    if (lines) lines.push(line);
    else this.#byPart.set(partId, [line]);
    return true;
  }

  /** Those of a part that has ended are not wanted. */
  drop(partId: string): void {
    this.#byPart.delete(partId);
  }

  /** What is told anew holds the texts so far. */
  dropAll(): void {
    this.#byPart.clear();
  }

  /** What is left, in the order of each part. */
  read(): TimedBody[] {
    return [...this.#byPart.values()].flat().flatMap((line) => parseLine(line) ?? []);
  }
}
