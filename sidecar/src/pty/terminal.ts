/** One terminal: a program on a pty, its last output, and everybody who watches it. */
import type { WebSocket } from "ws";
import type { TerminalCommand, TerminalInfo } from "../protocol";
import { hasForegroundJob } from "./foreground-job";
import { startPty, type PtyOptions, type PtyProcess } from "./pty-process";
import { RingBuffer } from "./ring-buffer";
import { CLOSE, outputFrame, Viewer, type ViewerEvents } from "./viewer";

/** Bytes of output kept for replay (contract.md). */
const RING_BYTES = 256 * 1024;
/** The program stops when even the fastest viewer has this much in front of it. */
const PAUSE_LAG_BYTES = 256 * 1024;
/** It goes on when the fastest viewer is down to this; the gap keeps it from stopping and starting at each ack. */
const RESUME_LAG_BYTES = 128 * 1024;
/**
 * A viewer this far behind, while another one keeps up, is closed instead of holding memory. More than the ring, so
 * that one that has just been given the whole ring has time to take it.
 */
const DROP_LAG_BYTES = 1024 * 1024;
/** Input that waits for a program that does not read. */
const MAX_PENDING_INPUT_BYTES = 1024 * 1024;

export type TerminalOptions = Pick<PtyOptions, "argv" | "cwd" | "env" | "cols" | "rows"> & {
  readonly terminalId: string;
  /** Of the terminal that was here before this container, whose place it takes. */
  readonly history?: TerminalHistory | undefined;
};

/** What a terminal showed last. */
export interface TerminalHistory {
  output: Buffer;
  /** Offset after the last byte of `output`. */
  endOffset: number;
}

/**
 * After the output of before: out of the other screen (47, as 1049 would put the cursor where it was saved last), modes as
 * they begin with (mouse, paste, cursor keys, colours), and a line that says why the shell is new.
 */
const RESUMED_NOTICE =
  "\x1b[?47l\x1b[!p\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[0m" +
  "\r\n\x1b[2m[The session was stopped and resumed. What ran here has ended.]\x1b[0m\r\n";

/** Whoever makes one closes it; the program may end before. */
export class Terminal {
  readonly #id: string;
  readonly #pty: PtyProcess;
  readonly #ring: RingBuffer;
  readonly #viewers = new Set<Viewer>();
  readonly #viewerEvents: ViewerEvents = {
    onCommand: (viewer, command) => this.#obey(viewer, command),
    onGone: (viewer) => {
      this.#viewers.delete(viewer);
      this.#regulate();
    },
  };
  #size: { cols: number; rows: number };
  #exitCode: number | null = null;
  #paused = false;

  /** @throws when no pty can be opened. */
  constructor(options: TerminalOptions) {
    this.#id = options.terminalId;
    this.#ring = ringAfter(options.history);
    this.#size = { cols: options.cols, rows: options.rows };
    this.#pty = startPty({
      ...options,
      onOutput: (bytes) => this.#publish(bytes),
      onExit: (code) => this.#finish(code),
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  get running(): boolean {
    return this.#exitCode === null;
  }

  get slavePath(): string {
    return this.#pty.slavePath;
  }

  info(): TerminalInfo {
    return {
      terminalId: this.#id,
      ...this.#size,
      running: this.running,
      exitCode: this.#exitCode,
      foreground: this.running && hasForegroundJob(this.#pty.pid),
      endOffset: this.#ring.end,
    };
  }

  /** State, then what is held after `afterByte`, then live output; the exit notice where the program has ended. */
  attach(socket: WebSocket, afterByte: number): void {
    const { from, bytes } = this.#ring.readFrom(afterByte);
    const viewer = new Viewer(socket, from, this.#viewerEvents);
    viewer.notify({ type: "state", ...this.#size, fromOffset: from });
    if (bytes.length > 0) viewer.output(outputFrame(from, bytes));
    if (this.#exitCode !== null) viewer.notify({ type: "exit", code: this.#exitCode });
    this.#viewers.add(viewer);
    this.#regulate();
  }

  /** For a terminal that takes this one's place. */
  history(): TerminalHistory {
    return { output: this.#ring.readFrom(0).bytes, endOffset: this.#ring.end };
  }

  /** Lets go of every viewer. */
  dismiss(reason: string): void {
    for (const viewer of [...this.#viewers]) viewer.close(CLOSE.normal, reason);
  }

  #publish(bytes: Buffer): void {
    const frame = outputFrame(this.#ring.end, bytes);
    this.#ring.append(bytes);
    for (const viewer of this.#viewers) viewer.output(frame);
    this.#dropStragglers();
    this.#regulate();
  }

  #finish(code: number): void {
    this.#exitCode = code;
    for (const viewer of this.#viewers) viewer.notify({ type: "exit", code });
  }

  #obey(viewer: Viewer, command: TerminalCommand): void {
    switch (command.type) {
      case "input":
        return this.#type(viewer, command.data);
      case "resize":
        return this.#resize({ cols: command.cols, rows: command.rows });
      case "ack":
        if (command.offset > this.#ring.end) return viewer.close(CLOSE.badCommand, "ack of bytes never sent");
        viewer.acknowledge(command.offset);
        return this.#regulate();
    }
  }

  #type(viewer: Viewer, data: string): void {
    if (!this.running) return;
    if (this.#pty.pendingInputBytes() + Buffer.byteLength(data) > MAX_PENDING_INPUT_BYTES) {
      return viewer.close(CLOSE.tooMuchInput, "the program does not read its input");
    }
    this.#pty.write(data);
  }

  #resize(size: { cols: number; rows: number }): void {
    if (!this.running || (size.cols === this.#size.cols && size.rows === this.#size.rows)) return;
    this.#pty.resize(size.cols, size.rows);
    this.#size = size;
    for (const viewer of this.#viewers) {
      viewer.notify({ type: "state", ...size, fromOffset: this.#ring.end });
    }
  }

  /** How far the fastest viewer has come; null when nobody watches. */
  #fastest(): number | null {
    return this.#viewers.size === 0 ? null : Math.max(...[...this.#viewers].map((viewer) => viewer.acked));
  }

  /** The fastest is never dropped: for it the program waits. */
  #dropStragglers(): void {
    const fastest = this.#fastest();
    for (const viewer of [...this.#viewers]) {
      const tooFarBehind = this.#ring.end - viewer.acked > DROP_LAG_BYTES;
      if (fastest !== null && tooFarBehind && viewer.acked < fastest) viewer.close(CLOSE.resync, "resync");
    }
  }

  /** Nobody attached: the program runs on and the ring moves. */
  #regulate(): void {
    const fastest = this.#fastest();
    const lag = fastest === null ? 0 : this.#ring.end - fastest;
    if (!this.#paused && lag > PAUSE_LAG_BYTES) {
      this.#paused = true;
      this.#pty.pause();
    } else if (this.#paused && lag <= RESUME_LAG_BYTES) {
      this.#paused = false;
      this.#pty.resume();
    }
  }
}

function ringAfter(history: TerminalHistory | undefined): RingBuffer {
  if (history === undefined) return new RingBuffer(RING_BYTES);
  const ring = new RingBuffer(RING_BYTES, history.endOffset - history.output.length);
  ring.append(history.output);
  ring.append(Buffer.from(RESUMED_NOTICE));
  return ring;
}
