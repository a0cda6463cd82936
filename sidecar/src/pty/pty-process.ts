/**
 * One program on a pseudo-terminal. The only place that knows node-pty, whose published types leave out three things
 * that we need of its Unix terminal: bytes instead of strings, the slave's path and the master's descriptor.
 */
import { chmodSync } from "node:fs";
import type { Socket } from "node:net";
import { spawn, type IPty } from "@lydell/node-pty";
import { withoutInherited } from "../closed-descriptors";
import { InputQueue, writeNonBlocking } from "./input-queue";

/** `UnixTerminal` of @lydell/node-pty 1.1.0 (unixTerminal.js, terminal.js), which is what `spawn` returns on Linux. */
interface UnixPty extends IPty {
  /** Such as `/dev/pts/3`, from openpty(3). */
  readonly ptsName: string;
  /** The pty's master, non-blocking. */
  readonly fd: number;
  /** The stream over it. */
  readonly _socket: Socket;
}

/** As long as node-pty reads on after the end of a program whose output is not paused. */
const LAST_READ_MS = 200;

export interface PtyOptions {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The whole environment of the program; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cols: number;
  readonly rows: number;
  readonly onOutput: (bytes: Buffer) => void;
  /** Once; `code` is 128 + signal for a program that a signal ended. */
  readonly onExit: (code: number) => void;
}

export interface PtyProcess {
  /** The program's pid; it leads a session and a process group of its own. */
  readonly pid: number;
  /** Device of the terminal as the program sees it, such as `/dev/pts/3`. */
  readonly slavePath: string;
  /** Never blocks; works also while output is paused; dropped once the program has ended. */
  write(text: string): void;
  /** Bytes written that the program has not taken yet. */
  pendingInputBytes(): number;
  resize(cols: number, rows: number): void;
  /** Stops reading: the kernel's buffer fills (4 KiB) and the program blocks when it writes. */
  pause(): void;
  resume(): void;
}

/**
 * Starts the program. Whoever starts it ends it, see `endSession`.
 *
 * The slave becomes 0666: the sidecar's uid opens the pair and so owns the slave, while the program runs as the agent's
 * uid. Its standard descriptors are inherited and work anyway, but what opens its terminal by name (`ssh`, `script`,
 * `tmux`, `/proc/self/fd/0`) needs the mode. fchmod is not possible, the library closes the slave in this process;
 * the path is safe, /dev/pts belongs to the kernel.
 * @throws when no pty can be opened.
 */
export function startPty(options: PtyOptions): PtyProcess {
  const [file, ...args] = withoutInherited(options.argv);
  const pty = spawn(file, args, {
    name: options.env.TERM ?? "xterm-256color",
    cols: options.cols,
    rows: options.rows,
    cwd: options.cwd,
    env: { ...options.env },
    // null: output comes as Buffers, so that no character is broken where a read ends.
    encoding: null,
  }) as UnixPty;
  try {
    chmodSync(pty.ptsName, 0o666);
  } catch (error) {
    pty.kill("SIGKILL");
    throw error;
  }
  // The type says string because the library cannot express the encoding in it.
  pty.onData((data: string | Buffer) =>
    options.onOutput(typeof data === "string" ? Buffer.from(data) : data),
  );
  const drain = drainBeforeDestroy(pty._socket);
  // A closed descriptor may by now be another terminal's.
  const isOpen = () => !pty._socket.destroyed;
  const input = new InputQueue((bytes) => (isOpen() ? writeNonBlocking(pty.fd, bytes) : bytes.length));
  pty.onExit(({ exitCode, signal }) => {
    input.clear();
    options.onExit(signal ? 128 + signal : exitCode);
  });
  return {
    pid: pty.pid,
    slavePath: pty.ptsName,
    write: (text) => input.push(text),
    pendingInputBytes: () => input.pendingBytes,
    resize: (cols, rows) => {
      if (isOpen()) pty.resize(cols, rows);
    },
    pause: () => {
      if (!drain.begun) pty.pause();
    },
    resume: () => pty.resume(),
  };
}

/**
 * node-pty destroys the stream soon after the program's end, and what a paused one has not read is lost with it: the last words,
 * a few KiB in the kernel's and the stream's buffer. So that much is read first, paused or not.
 */
function drainBeforeDestroy(socket: Socket): { readonly begun: boolean } {
  const drain = { begun: false };
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error) => {
    if (drain.begun || !socket.isPaused()) return destroy(error);
    drain.begun = true;
    socket.resume();
    // A program left in the background holds the terminal open: no end of the stream comes then.
    const timer = setTimeout(() => destroy(error), LAST_READ_MS);
    socket.once("close", () => clearTimeout(timer));
    return socket;
  };
  return drain;
}
