import { io, type Socket } from "socket.io-client";
import { waitMs } from "./backoff";
import { refusedBy, TerminalClosedError } from "./terminal-error";
import { OutputTracker } from "./terminal-output";

/** A piece of what is typed. A unit takes at most 3 bytes, so this stays under the 64 KiB that the server takes at once. */
const MAX_INPUT_UNITS = 16 * 1024;
/** WebSocket's "message too big": the program takes nothing of what is typed, and the rest of it was dropped. */
const TOO_MUCH_INPUT = 1009;

export interface TerminalSize {
  cols: number;
  rows: number;
}

export interface LinkOptions extends TerminalSize {
  url: string;
  /** A personal access token; without one the browser's cookie goes along. */
  token?: string;
  terminalId: string;
  /** A new one for each connection. */
  ticket(): Promise<string>;
  /**
   * What the program writes, in order, each byte once. Acknowledged when the promise settles, at once without one: a
   * program faster than whoever shows it is stopped.
   * @param lostBytes what was written before `data` and is kept nowhere any more
   */
  onOutput(data: Uint8Array, lostBytes: number): void | Promise<void>;
  /** The program is in reach, or out of it. */
  onReach?(isAttached: boolean): void;
  /** The terminal's size, which it has for everybody, after each change. */
  onSize?(size: TerminalSize): void;
  /** The program does not read: what was typed last is lost in part. */
  onInputLost?(): void;
}

/** One socket after the other to the same terminal. */
export class TerminalLink {
  /** The program's exit code. @throws TerminalClosedError when the terminal went away before the program's end. */
  readonly exited: Promise<number>;
  private readonly output: OutputTracker;
  private readonly aborted = new AbortController();
  private socket: Socket | null = null;
  /** The socket reaches the program: before that, what it sends would be lost on the way. */
  private isAttached = false;
  /** Typed while the program was out of reach. */
  private waiting: string[] = [];
  private size: TerminalSize;
  private settle!: { resolve: (code: number) => void; reject: (error: unknown) => void };
  private wake = new AbortController();

  constructor(private readonly options: LinkOptions) {
    this.size = { cols: options.cols, rows: options.rows };
    this.output = new OutputTracker((data, lostBytes) => options.onOutput(data, lostBytes));
    this.exited = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // Whoever only types need not look at how it ends.
    this.exited.catch(() => undefined);
    void this.run();
  }

  /** UTF-16 units typed that wait for the program to be in reach. */
  get waitingUnits(): number {
    return this.waiting.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** Long texts go in pieces, which the program gets in order. */
  write(text: string): void {
    for (const piece of pieces(text)) {
      if (this.isAttached) this.socket?.emit("input", piece);
      else this.waiting.push(piece);
    }
  }

  resize(size: TerminalSize): void {
    this.size = size;
    if (this.isAttached) this.socket?.emit("resize", size);
  }

  /** Tries at once where it waits before the next try: the network may be back. */
  hurry(): void {
    this.wake.abort();
  }

  close(): void {
    this.settle.reject(new TerminalClosedError("closed", "The terminal was left before its program ended."));
    this.stop();
    this.socket?.disconnect();
  }

  private stop(): void {
    this.aborted.abort();
    this.wake.abort();
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.aborted.signal.aborted; failures += 1) {
      try {
        const ticket = await this.options.ticket();
        // Left while the ticket was on its way: nobody would close the socket.
        if (this.aborted.signal.aborted) return;
        const gotOutput = await this.connectOnce(ticket);
        if (gotOutput) failures = 0;
      } catch (error) {
        const refused = refusedBy(error);
        if (refused !== null) {
          this.settle.reject(refused);
          return;
        }
      }
      if (this.aborted.signal.aborted) return;
      this.wake = new AbortController();
      await waitMs(failures, this.wake.signal);
    }
  }

  /** Resolves when the connection is over. @throws TerminalClosedError when another try is no use. */
  private connectOnce(ticket: string): Promise<boolean> {
    const { url, token, terminalId } = this.options;
    const size = this.size;
    const socket = io(new URL("/terminal", url).toString(), {
      auth: { ticket, terminalId, ...size, afterByte: this.output.endOffset },
      ...(token === undefined ? {} : { extraHeaders: { authorization: `Bearer ${token}` } }),
      transports: ["websocket"],
      // A ticket is good for one connection, so each is made by hand.
      reconnection: false,
      forceNew: true,
    });
    this.socket = socket;
    const before = this.output.endOffset;
    return new Promise<boolean>((resolve, reject) => {
      socket.on("output", (frame: unknown) => void this.take(socket, frame));
      socket.on("exit", (notice: { code: number }) => {
        this.settle.resolve(notice.code);
        this.stop();
        socket.disconnect();
      });
      socket.on("state", (notice: StateNotice) => {
        this.hear(socket, notice, size);
        if (notice.state === "unavailable") {
          reject(new TerminalClosedError("unavailable", notice.message ?? "The terminal cannot be reached."));
        }
      });
      socket.on("connect_error", reject);
      socket.on("disconnect", () => resolve(this.output.endOffset > before));
    }).finally(() => {
      const wasAttached = this.isAttached;
      this.isAttached = false;
      socket.disconnect();
      // Where it is over, `exited` says so.
      if (wasAttached && !this.aborted.signal.aborted) this.options.onReach?.(false);
    });
  }

  private async take(socket: Socket, frame: unknown): Promise<void> {
    const taken = this.output.take(frame);
    if (taken === null) return;
    if (taken.shown !== undefined) await taken.shown;
    // What another connection brought, its own end forgets.
    if (socket.connected) socket.emit("ack", { offset: taken.endOffset });
  }

  private hear(socket: Socket, notice: StateNotice, told: TerminalSize): void {
    if (notice.state === "closed" && notice.code === TOO_MUCH_INPUT) this.options.onInputLost?.();
    if (notice.state !== "attached") return;
    // The first tells the size from before: what was told in the handshake is on its way there.
    if (!this.isAttached) this.attach(socket, told);
    else if (notice.cols !== undefined && notice.rows !== undefined) {
      // Also for the next connection, which takes nobody's size away.
      this.size = { cols: notice.cols, rows: notice.rows };
      this.options.onSize?.(this.size);
    }
  }

  private attach(socket: Socket, told: TerminalSize): void {
    this.isAttached = true;
    if (told !== this.size) socket.emit("resize", this.size);
    const waiting = this.waiting;
    this.waiting = [];
    for (const piece of waiting) socket.emit("input", piece);
    this.options.onReach?.(true);
  }
}

interface StateNotice {
  state: string;
  message?: string;
  code?: number;
  cols?: number;
  rows?: number;
}

/** `text` in parts of at most {@link MAX_INPUT_UNITS}, none of which ends in half a surrogate pair. */
function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + MAX_INPUT_UNITS, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
}
