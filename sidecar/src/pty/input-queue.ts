/**
 * Input on its way to a pty. libuv gives a pty's master blocking writes, so a write through its stream stops the whole
 * process for as long as the program does not read (tried: until the program ended). The descriptor itself is
 * non-blocking; written to directly it takes what the kernel's buffer has room for (about 4 KiB) and then says EAGAIN.
 */
import { writeSync } from "node:fs";

/** The kernel tells nobody when a pty's input has room again; asked this often a paste still runs at 800 KB/s. */
const RETRY_MS = 5;

export class InputQueue {
  readonly #write: (bytes: Buffer) => number;
  #waiting: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param write takes some of the bytes and says how many; 0 when there is no room */
  constructor(write: (bytes: Buffer) => number) {
    this.#write = write;
  }

  get pendingBytes(): number {
    return this.#waiting.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  push(text: string): void {
    this.#waiting.push(Buffer.from(text));
    if (this.#timer === undefined) this.#drain();
  }

  /** Forgets what is left and stops trying. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #drain(): void {
    this.#timer = undefined;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const taken = this.#write(next);
      if (taken === 0) {
        this.#timer = setTimeout(() => this.#drain(), RETRY_MS);
        return;
      }
      if (taken === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(taken);
    }
  }
}

/**
 * Writes without waiting: how many bytes the descriptor took, 0 when it is full.
 * @throws what write(2) says but EAGAIN and EIO; EIO is a terminal whose program has ended, there the bytes are dropped.
 */
export function writeNonBlocking(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if (error instanceof Error && "code" in error) {
      if (error.code === "EAGAIN") return 0;
      if (error.code === "EIO") return bytes.length;
    }
    throw error;
  }
}
