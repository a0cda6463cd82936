import { currentRequestId } from "./request-scope";

/** Values that a log line may carry. Never a token, key, prompt text or header. */
export type LogFields = Record<string, string | number | boolean | null | undefined>;

export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/**
 * One JSON line a call, written to `write` (the container's standard error in production); a line that a request of the
 * server's led to has its `requestId`.
 */
export function createLog(write: (line: string) => void): Log {
  const at = (level: string) => (message: string, fields?: LogFields) => {
    const requestId = currentRequestId();
    const request = requestId === null ? {} : { requestId };
    write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...request, ...fields })}\n`);
  };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

/** Text of anything thrown, for a log line or a failure's `detail`. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}
