import { io, type Socket } from "socket.io-client";
import { waitMs } from "./backoff";
import type { OpenAgentClient } from "./client";
import { refusedBy, TerminalClosedError } from "./terminal-error";
import { OutputTracker } from "./terminal-output";

/** A piece of what is typed. A unit takes at most 3 bytes, so this stays under the 64 KiB that the server takes at once. */
const MAX_INPUT_UNITS = 16 * 1024;

export interface TerminalOptions {
  url: string;
  token: string;
  sessionId: string;
  cols: number;
  rows: number;
  /** A terminal that is open already; a new one is made when there is none. */
  terminalId?: string;
  /** What the program writes, in order, each byte once. */
  onOutput(data: Uint8Array): void;
}

/** A terminal of a session. Whoever opened it closes it. */
export interface Terminal {
  readonly id: string;
  /** Types. What is typed while the connection is away is sent when it is back. */
  write(text: string): void;
  resize(size: { cols: number; rows: number }): void;
  /** The program's exit code. @throws TerminalClosedError when the terminal went away before the program's end. */
  readonly exited: Promise<number>;
  /** Leaves. The program goes on, unless `end` is set. */
  close(opts?: { end?: boolean }): Promise<void>;
}

/**
 * Opens a terminal in a session's workspace and stays with it: after a lost connection it goes on at the byte it had,
 * with a new ticket.
 * @throws TRPCClientError when the server refuses, for example because the session is stopped.
 */
export async function openTerminal(client: OpenAgentClient, options: TerminalOptions): Promise<Terminal> {
  const { sessionId, cols, rows } = options;
  const id = options.terminalId ?? (await client.terminals.create.mutate({ sessionId, cols, rows })).id;
  const link = new TerminalLink({
    ...options,
    terminalId: id,
    ticket: async () => (await client.terminals.ticket.mutate({ terminalId: id })).ticket,
  });
  return {
    id,
    write: (text) => link.write(text),
    resize: (size) => link.resize(size),
    exited: link.exited,
    async close({ end = false } = {}) {
      link.close();
      if (end) await client.terminals.close.mutate({ terminalId: id });
    },
  };
}

export interface LinkOptions extends Omit<TerminalOptions, "sessionId"> {
  terminalId: string;
  /** A new one for each connection. */
  ticket(): Promise<string>;
}

/** One socket after the other to the same terminal. */
export class TerminalLink {
  readonly exited: Promise<number>;
  private readonly output: OutputTracker;
  private readonly aborted = new AbortController();
  private socket: Socket | null = null;
  /** The socket reaches the program: before that, what it sends would be lost on the way. */
  private isAttached = false;
  /** Typed while the program was out of reach. */
  private waiting: string[] = [];
  private size: { cols: number; rows: number };
  private settle!: { resolve: (code: number) => void; reject: (error: unknown) => void };

  constructor(private readonly options: LinkOptions) {
    this.size = { cols: options.cols, rows: options.rows };
    this.output = new OutputTracker((data) => options.onOutput(data));
    this.exited = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // Whoever only types need not look at how it ends.
    this.exited.catch(() => undefined);
    void this.run();
  }

  /** Long texts go in pieces, which the program gets in order. */
  write(text: string): void {
    for (const piece of pieces(text)) {
      if (this.isAttached) this.socket?.emit("input", piece);
      else this.waiting.push(piece);
    }
  }

  resize(size: { cols: number; rows: number }): void {
    this.size = size;
    if (this.isAttached) this.socket?.emit("resize", size);
  }

  close(): void {
    this.settle.reject(new TerminalClosedError("closed", "The terminal was left before its program ended."));
    this.aborted.abort();
    this.socket?.disconnect();
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
      await waitMs(failures, this.aborted.signal);
    }
  }

  /** Resolves when the connection is over. @throws TerminalClosedError when another try is no use. */
  private connectOnce(ticket: string): Promise<boolean> {
    const { url, token, terminalId } = this.options;
    const size = this.size;
    const socket = io(new URL("/terminal", url).toString(), {
      auth: { ticket, terminalId, ...size, afterByte: this.output.endOffset },
      extraHeaders: { authorization: `Bearer ${token}` },
      transports: ["websocket"],
      // A ticket is good for one connection, so each is made by hand.
      reconnection: false,
      forceNew: true,
    });
    this.socket = socket;
    const before = this.output.endOffset;
    return new Promise<boolean>((resolve, reject) => {
      socket.on("output", (frame: unknown) => {
        const end = this.output.take(frame);
        if (end !== null) socket.emit("ack", { offset: end });
      });
      socket.on("exit", (notice: { code: number }) => {
        this.settle.resolve(notice.code);
        this.aborted.abort();
        socket.disconnect();
      });
      socket.on("state", (notice: { state: string; message?: string }) => {
        if (notice.state === "attached" && !this.isAttached) this.attach(socket, size);
        if (notice.state === "unavailable") {
          reject(new TerminalClosedError("unavailable", notice.message ?? "The terminal cannot be reached."));
        }
      });
      socket.on("connect_error", reject);
      socket.on("disconnect", () => resolve(this.output.endOffset > before));
    }).finally(() => {
      this.isAttached = false;
      socket.disconnect();
    });
  }

  private attach(socket: Socket, told: { cols: number; rows: number }): void {
    this.isAttached = true;
    if (told !== this.size) socket.emit("resize", this.size);
    const waiting = this.waiting;
    this.waiting = [];
    for (const piece of waiting) socket.emit("input", piece);
  }
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
