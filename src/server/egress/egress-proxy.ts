/** The only way out of a session: a CONNECT and plain HTTP proxy, one unix socket per instance. */
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../log";
import { answerResponse, answerSocket, asEgressError } from "./answer";
import { forwardRequest } from "./forward-request";
import { upstreamDeps, type UpstreamOptions } from "./open-upstream";
import {
  createOutlet,
  type EgressCounters,
  type EgressLimits,
  type EgressSession,
  type Outlet,
} from "./outlet";
import type { HostPort } from "./parse-host-port";
import { tunnel } from "./tunnel";
import { listenOnUnixSocket } from "./unix-listener";

export const DEFAULT_EGRESS_LIMITS: EgressLimits = {
  maxConnections: 256,
  reservedForMarked: 32,
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 10 * 60_000,
  headTimeoutMs: 10_000,
  maxHeaderBytes: 32 * 1024,
};

export interface EgressProxyOptions extends Omit<UpstreamOptions, "connectTimeoutMs"> {
  /** Private endpoints, by exact name and port, that marked connections may use. */
  allowPrivate: readonly HostPort[];
  log: Pick<Logger, "debug" | "info" | "warn">;
  limits?: Partial<EgressLimits>;
}

export interface EgressListener {
  /** Ends every connection and removes the socket file; again is fine. */
  close(): Promise<void>;
  counters(): EgressCounters;
}

export interface EgressProxy {
  /**
   * @param socketPath where the instance finds its way out; a file left there is replaced
   * @returns a listener that the caller closes
   * @throws Error with a sentence when the socket cannot be opened
   */
  listen(socketPath: string, session: EgressSession): Promise<EgressListener>;
}

const HEAD_CHECK_MS = 2_000;

export function createEgressProxy(options: EgressProxyOptions): EgressProxy {
  const limits = { ...DEFAULT_EGRESS_LIMITS, ...options.limits };
  const deps = upstreamDeps({ ...options, connectTimeoutMs: limits.connectTimeoutMs });
  return {
    async listen(socketPath, session) {
      const outlet = createOutlet(session, {
        allowPrivate: options.allowPrivate,
        log: options.log,
        limits,
        deps,
      });
      const server = createProxyServer(outlet, limits);
      await listenOnUnixSocket(server, socketPath);
      server.on("error", (err) => {
        // Such as too many open files when a connection comes in: that one is lost, the next may do.
        options.log.warn(
          { sessionId: session.sessionId, err },
          "egress listener failed to take a connection",
        );
      });
      const closed: { promise?: Promise<void> } = {};
      return {
        close: () => (closed.promise ??= closeAll(server, outlet)),
        counters: outlet.counters,
      };
    },
  };
}

async function closeAll(server: Server, outlet: Outlet): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  outlet.close();
  await done;
}

function createProxyServer(outlet: Outlet, limits: EgressLimits): Server {
  const { idleTimeoutMs, maxHeaderBytes } = limits;
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: limits.headTimeoutMs,
    // An upload may take as long as it moves; what stands still is ended by the idle timeout.
    requestTimeout: 0,
    connectionsCheckingInterval: HEAD_CHECK_MS,
    // Whatever the request says, the host that counts is the one of its first line.
    requireHostHeader: false,
  });
  server.timeout = idleTimeoutMs;
  server.on("connection", (socket: Socket) => outlet.addClient(socket));
  server.on("request", (req, res) => {
    const open = (target: HostPort) => outlet.open(req, target, false);
    forwardRequest(req, res, { open, maxHeaderBytes }).catch((error: unknown) => {
      const failure = asEgressError(error);
      outlet.record(failure);
      answerResponse(res, failure);
    });
  });
  // The HTTP server only ever lets go of sockets that it accepted, which are net.Sockets; its types say Duplex.
  server.on("connect", (req, _stream, head) => {
    const client = req.socket;
    client.on("error", () => client.destroy());
    const open = (target: HostPort) => outlet.open(req, target, true);
    tunnel(client, { authority: req.url ?? "", head }, { open, idleTimeoutMs }).catch((error: unknown) => {
      const failure = asEgressError(error);
      outlet.record(failure);
      answerSocket(client, failure);
    });
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    answerClientError(error, socket as Socket);
  });
  return server;
}

function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // After a first answer the program may be in the middle of the next; a second text inside it would be read as part of it.
  if (error.code === "ECONNRESET" || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  if (error.code === "HPE_HEADER_OVERFLOW") {
    answerSocket(socket, {
      status: 431,
      message: "The request's headers are larger than this proxy takes. Send fewer or shorter ones.",
    });
  } else if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") {
    answerSocket(socket, {
      status: 408,
      message: "The request did not arrive in time. Send it at once after connecting.",
    });
  } else {
    answerSocket(socket, {
      status: 400,
      message:
        "This is an HTTP proxy, and that was no HTTP request it can read. Use CONNECT for anything that is not plain HTTP.",
    });
  }
}
