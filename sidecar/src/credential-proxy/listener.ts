/**
 * HTTP on loopback in front of a fetch handler. Written out because three things must hold that adapters leave open: the
 * target is judged as it stood on the wire, a stream that fails is seen as cut and not as ended, and a client that
 * leaves aborts the request at once.
 */
import http from "node:http";
import { Readable } from "node:stream";
import { ProxyError } from "./proxy-error";
import { assertPlainTarget } from "./target";

/** Far more than an agent and its sub-agents ask at once; the descriptors are the whole sidecar's. */
const MAX_CONNECTIONS = 128;

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * @param handle never rejects
 * @throws the listen error (`EADDRINUSE`) when the port is taken.
 */
export async function startListener(
  port: number,
  handle: (request: Request) => Promise<Response>,
): Promise<Listener> {
  const server = http.createServer();
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has a TCP address.");
  const hosts = new Set([`127.0.0.1:${address.port}`, `localhost:${address.port}`]);
  server.on("request", (incoming, outgoing) => {
    const serve = async () => {
      const refusal = refuse(incoming, hosts);
      const response = refusal?.toResponse() ?? (await handle(toRequest(incoming, outgoing)));
      await send(response, incoming, outgoing);
    };
    // A client that is gone, a stream that was cut: closing the connection is how the other side learns of it.
    serve().catch(() => outgoing.destroy());
  });
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A page in a browser can point a name of its own at 127.0.0.1; it cannot send our name as the host. */
function refuse(incoming: http.IncomingMessage, hosts: ReadonlySet<string>): ProxyError | undefined {
  if (!hosts.has((incoming.headers.host ?? "").toLowerCase())) {
    return new ProxyError(
      "bad_host",
      "Models are reached under 127.0.0.1 or localhost only; use that address.",
    );
  }
  if (incoming.method !== "GET" && incoming.method !== "POST") {
    return new ProxyError("method_not_allowed", "Model providers are asked with GET and POST only.");
  }
  try {
    assertPlainTarget(incoming.url ?? "");
    return undefined;
  } catch (error) {
    if (error instanceof ProxyError) return error;
    throw error;
  }
}

function toRequest(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Request {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  const headers = new Headers();
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
    headers.append(incoming.rawHeaders[index] ?? "", incoming.rawHeaders[index + 1] ?? "");
  }
  const method = incoming.method ?? "GET";
  const body = method === "GET" ? null : (Readable.toWeb(incoming) as BodyInit);
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers,
    body,
    signal: gone.signal,
    duplex: "half",
  };
  return new Request(new URL(incoming.url ?? "/", `http://${incoming.headers.host}`), init);
}

async function send(
  response: Response,
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
): Promise<void> {
  // A request that was refused before its end: what still comes is not read.
  if (!incoming.complete) outgoing.setHeader("connection", "close");
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  // The status goes out before the first chunk: a model may think for long.
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  outgoing.once("close", () => {
    // Ends the reading below; a stream that has failed already has nothing to cancel.
    reader.cancel().catch(() => undefined);
  });
  for (let next = await reader.read(); !next.done; next = await reader.read())
    await write(outgoing, next.value);
  outgoing.end();
}

/** Waits until the chunk is out: what came before a failure is not lost with it, and a slow client slows the stream. */
function write(outgoing: http.ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error("The client is gone."));
    outgoing.once("close", gone);
    outgoing.write(chunk, (error) => {
      outgoing.off("close", gone);
      if (error) reject(error);
      else resolve();
    });
  });
}
