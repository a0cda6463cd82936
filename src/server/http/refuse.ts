import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { TRPCError } from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import { TRPC_ERROR_CODES_BY_KEY } from "@trpc/server/rpc";
import type { AppError } from "../errors";

/** How long what a refused peer still sends is thrown away before the connection ends. */
const LINGER_MS = 1_000;

/** An answer of the dispatchers themselves, in the shape that tRPC's clients read. The connection ends with it. */
export function refuse(res: ServerResponse, error: AppError, requestId: string): void {
  const status = httpStatusOf(error);
  const data = {
    code: error.code,
    httpStatus: status,
    reason: error.reason,
    detail: error.detail,
    requestId,
  };
  if (error.retryAfterSeconds !== null) res.setHeader("retry-after", String(error.retryAfterSeconds));
  const body = JSON.stringify({
    error: { message: error.message, code: TRPC_ERROR_CODES_BY_KEY[error.code], data },
  });
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  res.write(body);
  endAfterRequest(res);
}

/** A peer that is cut off while it sends gets a reset, and often never reads the answer that came before. */
function endAfterRequest(res: ServerResponse): void {
  const { req } = res;
  if (req.readableEnded || req.destroyed) {
    res.end();
    return;
  }
  const end = () => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  req.once("end", end).once("close", end);
  req.resume();
}

/** HTTP's number for the error's code, as tRPC has it. */
export function httpStatusOf(error: AppError): number {
  return getHTTPStatusCodeFromError(new TRPCError({ code: error.code }));
}

/** Before a protocol is agreed on there is only the socket to write to. It is destroyed. */
export function refuseUpgrade(socket: Duplex, status: number, message: string): void {
  const body = `${message}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
