import { pino, type DestinationStream, type Logger } from "pino";
import { currentRequestId } from "./request-scope";

export type { Logger } from "pino";

const SECRET_NAMES = [
  "authorization",
  "cookie",
  "password",
  "key",
  "apiKey",
  "token",
  "claimCode",
  "secret",
] as const;
/** Names that a path can only hold in brackets. */
const SECRET_HEADERS = ['["set-cookie"]', '["proxy-authorization"]'] as const;
const REDACTED_PATHS = [
  ...SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
  ...SECRET_HEADERS.flatMap((name) => [name, `*${name}`, `*.*${name}`]),
  // A code is a secret in what people send; elsewhere it says what went wrong.
  "input.code",
  "body.code",
];

/**
 * JSON lines, secrets by name redacted down to the third level; a line that a request led to has its `requestId`.
 * @param destination stdout when not given
 */
export function createLog(opts: { level: string; destination?: DestinationStream }): Logger {
  return pino(
    {
      level: opts.level,
      base: null,
      redact: { paths: REDACTED_PATHS, censor: "[redacted]" },
      mixin: () => {
        const requestId = currentRequestId();
        return requestId === null ? {} : { requestId };
      },
    },
    opts.destination ?? pino.destination(1),
  );
}
