/** The session's terminals: shells under the agent's uid that outlive the connections of those who watch them. */
import type { WebSocket } from "ws";
import type { TerminalInfo } from "../protocol";
import { describeError, type Log } from "../log";
import { endSession } from "./end-session";
import type { KeptTerminal } from "./kept-terminals";
import { Terminal } from "./terminal";

export interface TerminalsOptions {
  /** Full argv of a shell, the uid change included; `shell[0]` is the program. */
  readonly shell: readonly string[];
  readonly cwd: string;
  /** The whole environment of a shell; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Terminals that are kept at once. An ended one gives way to a new one. */
  readonly maxTerminals: number;
  readonly log?: Pick<Log, "warn">;
}

export class TerminalError extends Error {
  constructor(
    readonly code: "too_many_terminals" | "spawn_failed",
    message: string,
    readonly detail?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "TerminalError";
  }
}

export interface Terminals {
  /**
   * Starts a shell. A `terminalId` that exists gives the existing terminal, as it is. Where there are as many as may be,
   * the oldest whose shell has ended is closed for it.
   * @throws TerminalError `too_many_terminals` when all of them run, `spawn_failed`
   */
  create(request: { terminalId: string; cols: number; rows: number }): TerminalInfo;
  /** Puts shells in the place of terminals that ended with another container; one that cannot be started is left out. */
  revive(kept: readonly KeptTerminal[]): void;
  /** Those whose shells run, for {@link revive}. */
  kept(): KeptTerminal[];
  /** In the order of their making. A terminal whose shell has ended stays until it is closed, or its place is needed. */
  list(): TerminalInfo[];
  get(terminalId: string): TerminalInfo | undefined;
  /**
   * Forgets the terminal, lets its viewers go (1000), and ends everything started in it: SIGHUP, then SIGKILL after
   * 500 ms. False when there is none.
   */
  close(terminalId: string): boolean;
  /**
   * Makes `socket` (open) a viewer, with frames and commands as protocol.ts describes them; replays what came after
   * `afterByte`. False, and the socket untouched, when there is no such terminal. The socket is closed with 4008 when
   * it falls behind others, 1008 for what is no command, 1009 for more input than the program takes.
   */
  attach(terminalId: string, socket: WebSocket, afterByte: number): boolean;
  /** Pids of the shells that run: roots of the processes that belong to people and not to a turn of the agent. */
  shellPids(): number[];
  closeAll(): void;
}

/** The caller ends it with `closeAll`. */
export function createTerminals(options: TerminalsOptions): Terminals {
  const terminals = new Map<string, Terminal>();

  const close = (terminalId: string): boolean => {
    const terminal = terminals.get(terminalId);
    if (terminal === undefined) return false;
    terminals.delete(terminalId);
    terminal.dismiss("terminal closed");
    // The pid of a shell that has ended may be another process's.
    if (terminal.running) {
      endSession(terminal.pid, (pid, error) => {
        options.log?.warn("A program of a closed terminal could not be ended.", {
          pid,
          terminalId,
          error: describeError(error),
        });
      });
    }
    return true;
  };

  const open = (opened: Pick<KeptTerminal, "terminalId" | "cols" | "rows"> & Partial<KeptTerminal>) =>
    start({ argv: options.shell, cwd: options.cwd, env: options.env, ...opened });

  return {
    revive(kept) {
      for (const before of kept.slice(0, options.maxTerminals)) {
        try {
          terminals.set(before.terminalId, open(before));
        } catch (error) {
          const { terminalId } = before;
          options.log?.warn("A terminal could not be opened again.", {
            terminalId,
            error: describeError(error),
          });
        }
      }
    },
    kept: () =>
      [...terminals.values()]
        .filter((terminal) => terminal.running)
        .map((terminal) => {
          const { terminalId, cols, rows } = terminal.info();
          return { terminalId, cols, rows, history: terminal.history() };
        }),
    create({ terminalId, cols, rows }) {
      const existing = terminals.get(terminalId);
      if (existing !== undefined) return existing.info();
      const isFull = terminals.size >= options.maxTerminals;
      const [oldestEnded] = [...terminals].find(([, other]) => !other.running) ?? [];
      if (isFull && oldestEnded === undefined) {
        throw new TerminalError(
          "too_many_terminals",
          `This session has ${options.maxTerminals} terminals already; close one of them first.`,
        );
      }
      const terminal = open({ terminalId, cols, rows });
      if (isFull && oldestEnded !== undefined) close(oldestEnded);
      terminals.set(terminalId, terminal);
      return terminal.info();
    },
    list: () => [...terminals.values()].map((terminal) => terminal.info()),
    get: (terminalId) => terminals.get(terminalId)?.info(),
    close,
    attach(terminalId, socket, afterByte) {
      const terminal = terminals.get(terminalId);
      terminal?.attach(socket, afterByte);
      return terminal !== undefined;
    },
    shellPids: () =>
      [...terminals.values()].filter((terminal) => terminal.running).map((terminal) => terminal.pid),
    closeAll: () => {
      for (const terminalId of [...terminals.keys()]) close(terminalId);
    },
  };
}

function start(options: ConstructorParameters<typeof Terminal>[0]): Terminal {
  try {
    return new Terminal(options);
  } catch (error) {
    throw new TerminalError(
      "spawn_failed",
      "The terminal's shell could not be started; close a terminal or restart the session, then try again.",
      error instanceof Error ? error.message : String(error),
      { cause: error },
    );
  }
}
