/**
 * Takes a key out of what a provider answers. Some APIs and many debugging endpoints echo a request's headers; the agent
 * could ask for such a path and read there what it is never given.
 */

export const REDACTED = "[redacted]";

/** Shorter "keys" (a local model's "ollama", "none") guard nothing, and words like them would vanish from answers. */
const MIN_KEY_CHARACTERS = 8;

/** The key as it may stand in an answer: plain, inside a JSON string, inside a URL. Longest first. */
function spellings(key: string): string[] {
  if (key.length < MIN_KEY_CHARACTERS) return [];
  const all = [key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)];
  return [...new Set(all)].sort((a, b) => b.length - a.length);
}

export function redactText(text: string, key: string): string {
  return spellings(key).reduce((rest, needle) => rest.replaceAll(needle, REDACTED), text);
}

/**
 * Redacts a stream of bytes. A chunk comes out at once; only an end that could be the key's beginning waits for the next.
 */
export class KeyRedactor {
  readonly #needles: Buffer[];
  #held: Buffer = Buffer.alloc(0);

  constructor(key: string) {
    this.#needles = spellings(key).map((needle) => Buffer.from(needle));
  }

  /** What may go out now; possibly nothing. */
  push(chunk: Uint8Array): Buffer {
    if (this.#needles.length === 0) return Buffer.from(chunk);
    const clean = this.#replace(Buffer.concat([this.#held, chunk]));
    const held = this.#pendingBytes(clean);
    this.#held = clean.subarray(clean.length - held);
    return clean.subarray(0, clean.length - held);
  }

  /** What was waiting when the stream ended: a beginning of a key is no key. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  #replace(bytes: Buffer): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    for (let hit = this.#next(bytes, at); hit !== undefined; hit = this.#next(bytes, at)) {
      parts.push(bytes.subarray(at, hit.index), Buffer.from(REDACTED));
      at = hit.index + hit.length;
    }
    return at === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(at)]);
  }

  /** The earliest needle; of two at one place the longer. */
  #next(bytes: Buffer, from: number): { index: number; length: number } | undefined {
    let best: { index: number; length: number } | undefined;
    for (const needle of this.#needles) {
      const index = bytes.indexOf(needle, from);
      if (index !== -1 && (best === undefined || index < best.index)) best = { index, length: needle.length };
    }
    return best;
  }

  /** Length of the longest end of `bytes` that a needle begins with. */
  #pendingBytes(bytes: Buffer): number {
    const lengths = this.#needles.map((needle) => {
      let length = Math.min(needle.length - 1, bytes.length);
      while (length > 0 && !bytes.subarray(bytes.length - length).equals(needle.subarray(0, length)))
        length -= 1;
      return length;
    });
    return Math.max(...lengths);
  }
}
