import { createServer, type IncomingMessage, type Server } from "node:http";
import { chmod, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { WebSocketServer } from "ws";
import type { createApp } from "./app";
import { bearerMatches } from "./auth/bearer";
import type { Instance } from "./instance";

/** A frame of input is at most 64 KiB of text, and JSON may escape it. */
const MAX_FRAME_BYTES = 512 * 1024;
/**
 * Every uid can dial the socket. Connections that have not carried the token beyond this give way, the oldest first, so that the
 * agent cannot keep the server out by holding all descriptors. A request that comes with its connection is read before so many
 * others are accepted (none was cut under a flood of them).
 */
const MAX_STRANGERS = 64;
const ATTACH_PATH = /^\/terminals\/([A-Za-z0-9_-]{1,128})\/attach$/;

export interface ListeningServer {
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** Serves the app and the terminals' WebSockets on a unix socket. A stale socket file is removed; the server's uid must be able to dial. */
export async function listenOnSocket(
  path: string,
  app: ReturnType<typeof createApp>,
  instance: Instance,
): Promise<ListeningServer> {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const strangers = new Strangers();
  const greet = (request: IncomingMessage) => {
    if (bearerMatches(request.headers.authorization, instance.bearer)) strangers.trust(request.socket);
  };
  const server = createServer((request, response) => {
    greet(request);
    void listener(request, response);
  });
  server.on("connection", (socket) => strangers.add(socket));
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
  });
  server.on("upgrade", (request, socket, head) => {
    greet(request);
    upgrade({ request, socket, head }, sockets, instance);
  });
  await rm(path, { force: true });
  await listen(server, path);
  await chmod(path, 0o666);
  return {
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Connections that have not carried the token; the newest few. */
class Strangers {
  readonly #sockets = new Set<Socket>();

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#sockets.size <= MAX_STRANGERS) return;
    const [oldest] = this.#sockets;
    if (!oldest) return;
    this.#sockets.delete(oldest);
    oldest.destroy();
  }

  trust(socket: Socket): void {
    this.#sockets.delete(socket);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
}

function upgrade(
  offer: { request: IncomingMessage; socket: Duplex; head: Buffer },
  sockets: WebSocketServer,
  instance: Instance,
): void {
  const { request, socket, head } = offer;
  // A peer that goes away in the handshake is not worth a crash.
  socket.on("error", () => socket.destroy());
  if (!bearerMatches(request.headers.authorization, instance.bearer))
    return refuse(socket, "401 Unauthorized");
  const url = new URL(request.url ?? "/", "http://sidecar");
  const terminalId = ATTACH_PATH.exec(url.pathname)?.[1];
  const afterByte = url.searchParams.get("afterByte") ?? "0";
  if (terminalId === undefined || !instance.terminals.get(terminalId)) return refuse(socket, "404 Not Found");
  if (!/^\d{1,15}$/.test(afterByte)) return refuse(socket, "400 Bad Request");
  sockets.handleUpgrade(request, socket, head, (ws) => {
    if (!instance.terminals.attach(terminalId, ws, Number(afterByte)))
      ws.close(1011, "The terminal is closed.");
  });
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
