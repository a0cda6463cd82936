import type { OpenAgentClient } from "./client";
import { TerminalLink } from "./terminal-link";

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
