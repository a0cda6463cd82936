import { TRPCClientError } from "@trpc/client";

export type TerminalClosedCode = "closed" | "unavailable" | "refused";

/** The terminal is gone for this client; `message` says what to do. */
export class TerminalClosedError extends Error {
  override readonly name = "TerminalClosedError";
  constructor(
    readonly code: TerminalClosedCode,
    message: string,
    opts: { cause?: unknown } = {},
  ) {
    super(message, opts);
  }
}

/**
 * Tells a refusal from a lost connection.
 * @returns null when another try may succeed
 */
export function refusedBy(error: unknown): TerminalClosedError | null {
  if (error instanceof TerminalClosedError) return error;
  // With data it is the server's answer; without, the server was not reached.
  if (error instanceof TRPCClientError)
    return error.data && !isOutOfReach(error.data) ? refused(error) : null;
  // socket.io puts what the namespace says into `data`; a failed connection has none.
  return error instanceof Error && "data" in error && error.data !== undefined ? refused(error) : null;
}

/** A server that has just started finds its containers again one by one. */
function isOutOfReach(data: unknown): boolean {
  return (
    typeof data === "object" && data !== null && "reason" in data && data.reason === "sidecar_unreachable"
  );
}

function refused(error: Error): TerminalClosedError {
  return new TerminalClosedError("refused", error.message, { cause: error });
}
