import type { IncomingMessage } from "node:http";
import { AppError } from "../errors";

const KIB = 1024;
const MIB = 1024 * KIB;
/** What a route takes that says nothing else. */
export const DEFAULT_MAX_BODY_BYTES = MIB;

/**
 * Holds a request's body to `maxBytes` before its handler gets any of it, as not every handler counts. What comes after an
 * overflow is thrown away unread; the handler hears of no end until the connection ends.
 * @param onOverflow told once, with `too_large`
 * @throws AppError `too_large` at once when the body's length is told and too large
 */
export function limitBody(
  req: IncomingMessage,
  maxBytes: number,
  onOverflow: (error: AppError) => void,
): void {
  // Node takes no more of a body than its told length.
  const toldBytes = req.headers["content-length"];
  if (Number(toldBytes ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (toldBytes !== undefined) return;
  const push = req.push.bind(req);
  let takenBytes = 0;
  let isOver = false;
  // Where the bytes come in: a listener would set the stream flowing before its handler reads it.
  req.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (isOver) return true;
    takenBytes += Buffer.isBuffer(chunk) ? chunk.length : 0;
    if (takenBytes <= maxBytes) return push(chunk, encoding);
    isOver = true;
    const error = tooLarge(maxBytes);
    req.socket.once("close", () => req.destroy(error));
    onOverflow(error);
    return true;
  };
}

function tooLarge(maxBytes: number): AppError {
  const most = maxBytes < MIB ? `${maxBytes / KIB} KiB` : `${maxBytes / MIB} MiB`;
  return new AppError(
    "PAYLOAD_TOO_LARGE",
    "too_large",
    `The request is too large. Send at most ${most} at once.`,
  );
}
