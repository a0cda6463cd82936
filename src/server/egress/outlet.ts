/** An instance's connections: what opens, counts and closes them. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../log";
import { ClientConnections, type ConnectionLimits } from "./client-connections";
import type { EgressError } from "./egress-error";
import type { EgressPolicy } from "./egress-rules";
import { isMarked } from "./hop-headers";
import { openUpstream, type UpstreamDeps } from "./open-upstream";
import { formatHostPort, type HostPort } from "./parse-host-port";

export interface EgressLimits extends ConnectionLimits {
  /** For resolving the name and connecting together. */
  connectTimeoutMs: number;
  /** A connection on which nothing moves for so long is closed. */
  idleTimeoutMs: number;
  /** A request's head must be complete by then. */
  headTimeoutMs: number;
  maxHeaderBytes: number;
}

export interface EgressSession {
  sessionId: string;
  instanceId: string;
  /** Asked anew for each connection, so a change takes effect at once. */
  policy: () => EgressPolicy;
  /** What marks the sidecar's own connections; null until the instance is registered. */
  egressSecret: () => string | null;
  /** Hosts, in lower case, that only marked connections reach. */
  onlyMarked: ReadonlySet<string>;
}

export interface EgressCounters {
  /** Bytes sent to and received from upstream, connections that are still open included. */
  bytesUp: number;
  bytesDown: number;
  /** Connections made, and requests answered with 403. */
  allowed: number;
  refused: number;
}

/** Refusals of one instance that are worth a line at level info; a program that insists must not fill the disk. */
const LOGGED_REFUSALS = 50;

export interface OutletOptions {
  allowPrivate: readonly HostPort[];
  log: Pick<Logger, "debug" | "info" | "warn">;
  limits: EgressLimits;
  deps: UpstreamDeps;
}

export interface Outlet {
  /** @throws EgressError, also when the instance has too many connections */
  open(req: IncomingMessage, target: HostPort, allowHalfOpen: boolean): Promise<Socket>;
  /** Told of every failure that is answered; refusals are counted and logged. */
  record(failure: EgressError): void;
  addClient(socket: Socket): void;
  counters(): EgressCounters;
  close(): void;
}

export function createOutlet(
  session: EgressSession,
  { allowPrivate, log, limits, deps }: OutletOptions,
): Outlet {
  const clients = new ClientConnections(limits);
  const upstreams = new Set<Socket>();
  const totals: EgressCounters = { bytesUp: 0, bytesDown: 0, allowed: 0, refused: 0 };
  const { sessionId, instanceId } = session;

  const addUpstream = (socket: Socket): void => {
    totals.allowed += 1;
    upstreams.add(socket);
    socket.setTimeout(limits.idleTimeoutMs, () => socket.destroy());
    socket.once("close", () => {
      upstreams.delete(socket);
      totals.bytesUp += socket.bytesWritten;
      totals.bytesDown += socket.bytesRead;
    });
  };

  return {
    async open(req, target, allowHalfOpen) {
      const marked = isMarked(req.headers["proxy-authorization"], session.egressSecret());
      clients.admit(req.socket, marked);
      const rules = { allowPrivate, policy: session.policy(), onlyMarked: session.onlyMarked };
      const gone = new AbortController();
      const onGone = (): void => gone.abort();
      req.socket.once("close", onGone);
      const { signal } = gone;
      try {
        const socket = await openUpstream({ target, marked, rules, allowHalfOpen, signal }, deps);
        addUpstream(socket);
        if (signal.aborted) socket.destroy();
        log.debug({ sessionId, instanceId, to: formatHostPort(target), marked }, "egress opened");
        return socket;
      } finally {
        req.socket.removeListener("close", onGone);
      }
    },
    record(failure) {
      if (failure.code !== "refused") return;
      totals.refused += 1;
      const level = totals.refused <= LOGGED_REFUSALS ? "info" : "debug";
      log[level]({ sessionId, instanceId, why: failure.message }, "egress refused");
    },
    addClient: (socket) => clients.add(socket),
    counters() {
      const open = [...upstreams];
      return {
        ...totals,
        bytesUp: open.reduce((sum, socket) => sum + socket.bytesWritten, totals.bytesUp),
        bytesDown: open.reduce((sum, socket) => sum + socket.bytesRead, totals.bytesDown),
      };
    },
    close() {
      // Whoever still dials hears of it by its client's socket.
      clients.destroyAll();
      for (const socket of [...upstreams]) socket.destroy();
    },
  };
}
