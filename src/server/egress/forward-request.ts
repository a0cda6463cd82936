/** Plain HTTP: one absolute-form request in, one request on a connection of its own out. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { EgressError } from "./egress-error";
import { endToEndHeaders } from "./hop-headers";
import { formatHostPort, parseHostPort, type HostPort } from "./parse-host-port";

const ABSOLUTE_FORM = /^http:\/\/([^/?#\\]*)([/?][^#]*)?$/i;
const METHODS_WITH_BODY = new Set(["POST", "PUT", "PATCH"]);

/** Ends when the answer has been passed on. The upstream connection is closed with the answer, whoever ends it. */
export async function forwardRequest(
  req: IncomingMessage,
  res: ServerResponse,
  opts: { open: (target: HostPort) => Promise<Socket>; maxHeaderBytes: number },
): Promise<void> {
  const { target, path } = parseAbsoluteForm(req.url ?? "");
  const headers = upstreamHeaders(req, target);
  const upstream = await opts.open(target);
  res.once("close", () => upstream.destroy());
  if (res.destroyed) {
    upstream.destroy();
    return;
  }
  const outgoing = httpRequest({
    createConnection: () => upstream,
    method: req.method,
    path,
    headers,
    setHost: false,
    maxHeaderSize: opts.maxHeaderBytes,
  });
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    // Stays on: once the answer has begun, its own stream tells whether it is whole.
    outgoing.on("error", reject);
    // Such as a switch of protocols, which ends the connection without an error.
    outgoing.once("close", () => reject(new Error("upstream closed the connection")));
    // Heads go at once, both ways: what follows may take its time.
    outgoing.flushHeaders();
    req.pipe(outgoing);
  });
  res.sendDate = false;
  res.writeHead(incoming.statusCode ?? 502, endToEndHeaders(incoming.rawHeaders));
  res.flushHeaders();
  await pipeline(incoming, res);
}

function parseAbsoluteForm(url: string): { target: HostPort; path: string } {
  const match = ABSOLUTE_FORM.exec(url);
  if (match === null) {
    throw new EgressError(
      "malformed",
      "This is a proxy: it takes requests with a whole http:// address, and CONNECT for https. Set HTTP_PROXY and HTTPS_PROXY to its address instead of calling it as a server.",
    );
  }
  const target = parseHostPort(match[1] ?? "", 80);
  if (target === null) throw badHost(match[1] ?? "");
  const path = match[2] ?? "/";
  return { target, path: path.startsWith("/") ? path : `/${path}` };
}

/** @param authority what stood where a host and a port belong */
export function badHost(authority: string): EgressError {
  return new EgressError(
    "refused",
    `${JSON.stringify(authority.slice(0, 300))} was refused: it is not a plain host name or address with a port from 1 to 65535. Write an address in its usual form (93.184.216.34, [2001:db8::1]), without a user name.`,
  );
}

function upstreamHeaders(req: IncomingMessage, target: HostPort): string[] {
  const encoding = req.headers["transfer-encoding"];
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "chunked") {
    throw new EgressError(
      "malformed",
      "The request's body is encoded in a way that this proxy does not pass on. Send it plain or chunked.",
    );
  }
  const kept = endToEndHeaders(req.rawHeaders);
  const headers: string[] = [];
  for (let at = 0; at + 1 < kept.length; at += 2) {
    const name = kept[at] ?? "";
    // The host is that of the request line (RFC 9112 §3.2.2); `Expect` was answered by our server.
    if (!["host", "expect"].includes(name.toLowerCase())) headers.push(name, kept[at + 1] ?? "");
  }
  headers.push(
    "Host",
    target.port === 80 ? formatHostPort(target).replace(/:80$/, "") : formatHostPort(target),
  );
  headers.push("Connection", "close");
  // The framing is always said: a body without it would be taken for the next request.
  if (encoding !== undefined) headers.push("Transfer-Encoding", "chunked");
  else if (req.headers["content-length"] === undefined && METHODS_WITH_BODY.has(req.method ?? "")) {
    headers.push("Content-Length", "0");
  }
  return headers;
}
