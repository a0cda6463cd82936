/** What the proxy itself says to a program: a status and a sentence, as plain text. */
import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { EgressError } from "./egress-error";

/** Anything that went wrong while a request was handled, as what the program is told. */
export function asEgressError(error: unknown): EgressError {
  if (error instanceof EgressError) return error;
  return new EgressError(
    "unreachable",
    "The connection broke before the answer was complete. Try again in a moment.",
    {
      cause: error,
    },
  );
}

/** On a connection that speaks HTTP. When an answer has begun already it is cut, so that nobody takes it for whole. */
export function answerResponse(res: ServerResponse, error: EgressError): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const body = Buffer.from(`${error.message}\n`);
  // Closed, as the rest of the request may still be on its way and nobody will read it.
  res.writeHead(error.status, { ...headers(body), connection: "close" }).end(body);
}

/** On a socket that the HTTP server has let go of; ends it. */
export function answerSocket(socket: Socket, answer: { status: number; message: string }): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = Buffer.from(`${answer.message}\n`);
  const lines = Object.entries({ ...headers(body), connection: "close" }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const head = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}`, ...lines, "", ""].join(
    "\r\n",
  );
  socket.end(Buffer.concat([Buffer.from(head), body]), () => socket.destroy());
}

function headers(body: Buffer): Record<string, string> {
  return { "content-type": "text/plain; charset=utf-8", "content-length": String(body.length) };
}
