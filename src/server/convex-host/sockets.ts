import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { SOCKET_LIMITS } from "./limits";
import type { Channel, SyncSession } from "./sync-session";
import { PING } from "./wire";

/** How long a client may take to answer a goodbye. */
const CLOSING_MS = 500;

interface Connection {
  ws: WebSocket;
  session: SyncSession;
  heardAtMs: number;
  toldAtMs: number;
}

/** Carries sync sessions over WebSockets. `nowMs` may only go forward. */
export function createSockets(deps: {
  open: (channel: Channel) => SyncSession;
  nowMs: () => number;
  log: { debug(o: object, m: string): void };
}) {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: SOCKET_LIMITS.frameBytes,
    perMessageDeflate: false,
    clientTracking: false,
  });
  const connections = new Set<Connection>();

  function accept(ws: WebSocket): void {
    const connection: Connection = {
      ws,
      session: deps.open({
        send(text, onTaken) {
          connection.toldAtMs = deps.nowMs();
          // A failure to send is followed by the socket's end.
          ws.send(text, () => onTaken?.());
        },
        close: (code, reason) => ws.close(code, reason),
      }),
      heardAtMs: deps.nowMs(),
      toldAtMs: deps.nowMs(),
    };
    connections.add(connection);
    listen(connection);
  }

  function listen(connection: Connection): void {
    const { ws, session } = connection;
    let waiting = 0;
    let last = Promise.resolve();
    ws.on("message", (data, isBinary) => {
      connection.heardAtMs = deps.nowMs();
      waiting += 1;
      if (isBinary) session.refuse("Messages must be text.");
      else if (waiting > SOCKET_LIMITS.waitingMessages) session.refuse("Too many messages at once.");
      else last = last.then(() => session.receive(textOf(data))).finally(() => (waiting -= 1));
    });
    ws.on("pong", () => (connection.heardAtMs = deps.nowMs()));
    ws.on("error", (error) => deps.log.debug({ err: error }, "a client's socket failed"));
    ws.on("close", () => {
      connections.delete(connection);
      session.close();
    });
  }

  /** Ends those who fell silent, and lets the others know that the server is there. */
  function beat(): void {
    const now = deps.nowMs();
    for (const connection of connections) {
      const { ws, heardAtMs, toldAtMs } = connection;
      if (now - heardAtMs >= SOCKET_LIMITS.silentAfterMs) ws.terminate();
      else {
        ws.ping();
        if (now - toldAtMs < SOCKET_LIMITS.pingAfterMs) continue;
        connection.toldAtMs = now;
        ws.send(PING);
      }
    }
  }

  const heartbeat = setInterval(beat, SOCKET_LIMITS.heartbeatMs).unref();

  return {
    upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
      if (connections.size >= SOCKET_LIMITS.sockets) {
        socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      server.handleUpgrade(req, socket, head, accept);
    },
    beat,
    size: () => connections.size,
    async close(): Promise<void> {
      clearInterval(heartbeat);
      await Promise.all(
        [...connections].map(
          ({ ws }) =>
            new Promise<void>((resolve) => {
              const impatience = setTimeout(() => ws.terminate(), CLOSING_MS);
              ws.once("close", () => {
                clearTimeout(impatience);
                resolve();
              });
              ws.close(1001, "InternalServerError");
            }),
        ),
      );
      server.close();
    },
  };
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}
