/** For tests: a Convex elsewhere, over HTTP, behind a network that does what networks do. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { text } from "node:stream/consumers";
import type { ConvexHost } from "../convex-host/convex-host";

/** Each happens to one call in so many; 0: to none. */
export interface NetworkFaults {
  /** It arrives late. */
  delayed: number;
  /** It arrives twice. */
  doubled: number;
  /** Another that was answered long before arrives once more, right after it. */
  repeated: number;
  /** It arrives, is committed, and the answer is lost. */
  answersLost: number;
  /** It does not arrive. */
  requestsLost: number;
}

export interface FaultyConvex {
  url: URL;
  faults: NetworkFaults;
  /** So many calls find nobody. */
  away: number;
  /** The functions throw at a call with this in it; null: at none. */
  refused: string | null;
  /** Told of each call that arrives, before it is passed on. */
  onCall: () => void;
  /** How often each happened. */
  readonly happened: Readonly<Record<keyof NetworkFaults | "away", number>>;
  close(): Promise<void>;
}

export const NO_FAULTS: NetworkFaults = {
  delayed: 0,
  doubled: 0,
  repeated: 0,
  answersLost: 0,
  requestsLost: 0,
};
const LATE_MS = 30;
/** It is one of so many calls ago that arrives again. */
const REMEMBERED = 8;

export async function startFaultyConvex(host: Pick<ConvexHost, "fetch">): Promise<FaultyConvex> {
  const counts = { ...NO_FAULTS };
  const happened = { away: 0, delayed: 0, doubled: 0, repeated: 0, answersLost: 0, requestsLost: 0 };
  const past: (() => Promise<Response>)[] = [];
  const happens = (what: keyof NetworkFaults) => {
    const every = convex.faults[what];
    counts[what] += 1;
    if (every === 0 || counts[what] % every !== 0) return false;
    happened[what] += 1;
    return true;
  };
  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    const body = await text(req);
    const isAway = convex.away > 0;
    if (isAway) {
      convex.away -= 1;
      happened.away += 1;
    }
    if (isAway || happens("requestsLost")) {
      req.socket.destroy();
      return;
    }
    convex.onCall();
    if (happens("delayed")) await delay(LATE_MS);
    if (convex.refused !== null && body.includes(convex.refused)) {
      const error = { status: "error", errorMessage: "Server Error", logLines: [] };
      res.writeHead(560, { "content-type": "application/json" }).end(JSON.stringify(error));
      return;
    }
    const { authorization = "" } = req.headers;
    const headers = { "content-type": "application/json", authorization };
    const pass = () => host.fetch(`http://faulty.test${req.url ?? "/"}`, { method: "POST", headers, body });
    const first = await pass();
    if (happens("doubled")) await pass();
    if (happens("repeated")) await past[0]?.();
    if (req.url === "/api/mutation") past.push(pass);
    if (past.length > REMEMBERED) past.shift();
    if (happens("answersLost")) req.socket.destroy();
    else res.writeHead(first.status, { "content-type": "application/json" }).end(await first.text());
  };
  const server = createServer((req, res) => {
    answer(req, res).catch(() => req.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Listening on a port, so it is not the name of a socket.
  const { port } = server.address() as AddressInfo;
  const convex: FaultyConvex = {
    url: new URL(`http://127.0.0.1:${port}`),
    faults: NO_FAULTS,
    away: 0,
    refused: null,
    onCall: () => undefined,
    happened,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return convex;
}
