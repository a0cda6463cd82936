/**
 * The container's way out as its programs see it: `HTTP_PROXY=http://127.0.0.1:3128`. Every TCP connection becomes one
 * connection to the server's egress socket, bytes unchanged. Nothing is trusted or removed here: anybody in the
 * container can dial the socket directly, so the server's side decides what a connection may do.
 */
import net from "node:net";

/** More than a busy package manager opens; a bound, so that a runaway program cannot exhaust the sidecar's descriptors. */
const MAX_CONNECTIONS = 256;

/**
 * A program that closed its socket and one that only ended its side look alike until something is written to it.
 * A connection with one ended side and no traffic for this long is taken as closed, so that such ones do not add up.
 */
const HALF_OPEN_IDLE_MS = 10 * 60_000;

export interface EgressForwarderOptions {
  /** Port on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Path of the unix socket that the server's egress proxy listens on. */
  readonly egressSocket: string;
}

export interface EgressForwarder {
  readonly port: number;
  /** Stops listening and cuts open connections. */
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 and pipes each connection to `egressSocket`. A connection that finds no egress proxy gets one
 * HTTP 502 with a sentence, because whoever connects here speaks HTTP to a proxy. The caller closes it.
 * @throws the listen error (`EADDRINUSE`) when the port is taken.
 */
export async function startEgressForwarder(options: EgressForwarderOptions): Promise<EgressForwarder> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) =>
    forward(client, options.egressSocket, open),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has a TCP address.");
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function forward(client: net.Socket, egressSocket: string, open: Set<net.Socket>): void {
  const upstream = net.connect({ path: egressSocket, allowHalfOpen: true });
  for (const socket of [client, upstream]) {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("end", () => socket.setTimeout(HALF_OPEN_IDLE_MS, () => socket.destroy()));
  }
  // `pipe` ends the other side when one side ends, and only that direction: half-close passes through.
  upstream.once("connect", () => {
    client.pipe(upstream);
    upstream.pipe(client);
  });
  upstream.on("error", (error) => {
    if (upstream.bytesRead === 0 && upstream.bytesWritten === 0) refuse(client, error);
    else client.destroy();
  });
  upstream.on("close", (hadError) => {
    if (!hadError && !client.writableEnded) client.destroy();
  });
  client.on("error", () => upstream.destroy());
  client.on("close", () => {
    if (!upstream.writableEnded || !client.writableFinished) upstream.destroy();
  });
}

function refuse(client: net.Socket, cause: Error): void {
  const sentence =
    "The server's network proxy does not answer; it may be restarting, so try again in a moment.";
  const body = `${sentence}\n`;
  client.end(
    `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Openagent-Detail: ${cause.message.replace(/[^\x20-\x7e]/g, " ")}\r\nConnection: close\r\n\r\n${body}`,
    () => client.destroySoon(),
  );
  // What the client still sends has nowhere to go; reading it lets the answer arrive instead of a reset.
  client.resume();
}
