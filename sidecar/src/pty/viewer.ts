/** One WebSocket that watches a terminal: frames out, commands in, and how far it has taken the output. */
import type { RawData, WebSocket } from "ws";
import { terminalCommand, type TerminalCommand, type TerminalNotice } from "../protocol";

/** WebSocket close codes that a viewer can get; 4000–4999 are an application's own (RFC 6455, 7.4.2). */
export const CLOSE = {
  normal: 1000,
  /** A frame that is no command. */
  badCommand: 1008,
  /** More input than the program takes. */
  tooMuchInput: 1009,
  /** Too far behind: connect again with `afterByte`. */
  resync: 4008,
} as const;

/** A command of 64 Ki characters, every one escaped as `\uXXXX`, with room for its frame. Characters. */
const MAX_COMMAND_CHARACTERS = 6 * 64 * 1024 + 1024;

export interface ViewerEvents {
  readonly onCommand: (viewer: Viewer, command: TerminalCommand) => void;
  readonly onGone: (viewer: Viewer) => void;
}

/** Frames of output: 8 bytes big-endian offset of the first byte, then the bytes. */
export function outputFrame(offset: number, bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(8 + bytes.length);
  frame.writeBigUInt64BE(BigInt(offset));
  frame.set(bytes, 8);
  return frame;
}

export class Viewer {
  readonly #socket: WebSocket;
  readonly #events: ViewerEvents;
  #acked: number;
  #open = true;

  /** @param from offset of the first byte that this viewer is sent; what came before counts as taken */
  constructor(socket: WebSocket, from: number, events: ViewerEvents) {
    this.#socket = socket;
    this.#acked = from;
    this.#events = events;
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("close", () => this.#gone());
    // The library emits `close` after every error.
    socket.on("error", () => socket.terminate());
  }

  /** The viewer has taken every byte before this offset. */
  get acked(): number {
    return this.#acked;
  }

  acknowledge(offset: number): void {
    this.#acked = Math.max(this.#acked, offset);
  }

  notify(notice: TerminalNotice): void {
    if (this.#open) this.#socket.send(JSON.stringify(notice));
  }

  output(frame: Buffer): void {
    if (this.#open) this.#socket.send(frame);
  }

  /** Says why and lets go at once: no command of it is taken from here on. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    this.#gone();
  }

  #gone(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#events.onGone(this);
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!this.#open) return;
    const command = isBinary ? undefined : parseCommand(data);
    if (command === undefined) this.close(CLOSE.badCommand, "not a terminal command");
    else this.#events.onCommand(this, command);
  }
}

function parseCommand(data: RawData): TerminalCommand | undefined {
  const text = (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(new Uint8Array(data))).toString();
  if (text.length > MAX_COMMAND_CHARACTERS) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined; // not JSON: no command
  }
  return terminalCommand.safeParse(json).data;
}
