import type { JSONValue } from "convex/values";

/**
 * - `refused`: the request can never succeed; `message` is meant for its sender.
 * - `failed`: a function broke a rule or failed; `message` is for the log, its caller hears no more than `Server Error`.
 * - `unauthenticated`: the token is not worth anything; `message` is meant for its sender.
 * - `unsupported`: the project's schema or functions need what this host does not have; it does not start.
 */
export type HostErrorCode = "refused" | "failed" | "unauthenticated" | "unsupported";

/** The one error of this folder. */
export class HostError extends Error {
  override readonly name = "HostError";
  /** Of a ConvexError that crosses from one function to another; the client library looks for it by this name. */
  readonly data: JSONValue | undefined;

  constructor(
    readonly code: HostErrorCode,
    message: string,
    opts: { data?: JSONValue; cause?: unknown } = {},
  ) {
    super(message, { cause: opts.cause });
    this.data = opts.data;
  }
}

export function failed(message: string): HostError {
  return new HostError("failed", message);
}
