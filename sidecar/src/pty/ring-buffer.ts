/**
 * The last `capacity` bytes of a stream, addressed by their absolute offset in it. Memory is taken as bytes come, up to
 * the capacity: most terminals write little.
 */
export class RingBuffer {
  readonly #capacity: number;
  readonly #begin: number;
  #store: Buffer;
  #end: number;

  /** @param capacity bytes kept @param begin offset of the first byte that will be written */
  constructor(capacity: number, begin = 0) {
    this.#capacity = capacity;
    this.#begin = begin;
    this.#end = begin;
    this.#store = Buffer.alloc(begin === 0 ? 0 : capacity);
  }

  /** Offset after the last byte. */
  get end(): number {
    return this.#end;
  }

  /** Offset of the oldest byte still held. */
  get start(): number {
    return Math.max(this.#begin, this.#end - this.#capacity);
  }

  append(chunk: Uint8Array): void {
    const from = this.#end;
    this.#end += chunk.length;
    this.#reserve(Math.min(this.#end, this.#capacity));
    const kept = chunk.length > this.#capacity ? chunk.subarray(chunk.length - this.#capacity) : chunk;
    const at = (from + chunk.length - kept.length) % this.#capacity;
    const untilWrap = Math.min(kept.length, this.#capacity - at);
    this.#store.set(kept.subarray(0, untilWrap), at);
    this.#store.set(kept.subarray(untilWrap), 0);
  }

  /**
   * A copy of everything held from `offset` on. An offset outside of what is held (too old, or never written) gives all
   * that is held; `from` says where the bytes begin.
   */
  readFrom(offset: number): { from: number; bytes: Buffer } {
    const from = offset >= this.start && offset <= this.#end ? offset : this.start;
    const length = this.#end - from;
    const at = from % this.#capacity;
    const untilWrap = Math.min(length, this.#capacity - at);
    return {
      from,
      bytes: Buffer.concat([
        this.#store.subarray(at, at + untilWrap),
        this.#store.subarray(0, length - untilWrap),
      ]),
    };
  }

  #reserve(bytes: number): void {
    if (this.#store.length >= bytes) return;
    const grown = Buffer.alloc(Math.min(this.#capacity, Math.max(bytes, this.#store.length * 2, 4096)));
    // It grows only where it began at 0: before the capacity is reached nothing has wrapped, so offsets are positions.
    grown.set(this.#store);
    this.#store = grown;
  }
}
