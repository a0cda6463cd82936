import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { UpgradeHandler } from "./upgrades";

/** A peer that trickles its headers or its body holds a socket no longer than this. An answer may take as long as it likes. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Every browser tab holds a few; far under the usual limit of open files. */
const MAX_CONNECTIONS = 4_096;
/** What runs may finish in this time when the server stops; streams are cut then. */
const GRACE_MS = 1_000;

export interface HttpServer {
  /** @throws the system's error when the address is taken. @returns the port, for tests that ask for 0 */
  listen(address: { host: string; port: number }): Promise<number>;
  /** Takes nothing new, lets short requests end, then cuts what is left: streams and sockets. */
  close(): Promise<void>;
}

export function createHttpServer(handlers: {
  request: (req: IncomingMessage, res: ServerResponse) => void;
  upgrade: UpgradeHandler;
}): HttpServer {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
    },
    handlers.request,
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on("upgrade", handlers.upgrade);
  // Upgraded sockets are no longer the server's to close, so they are kept here.
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, () => {
          server.off("error", reject);
          const address = server.address();
          resolve(typeof address === "object" && address !== null ? address.port : port);
        });
      }),
    async close() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.race([closed, sleep(GRACE_MS)]);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
