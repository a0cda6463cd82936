/** CONNECT: two sockets joined, each half closed on its own. */
import type { Socket } from "node:net";
import { badHost } from "./forward-request";
import { parseHostPort, type HostPort } from "./parse-host-port";

/** A program that ends looks like one that is done sending; what waits for its answer must not stay for the whole idle time. */
const HALF_CLOSED_TIMEOUT_MS = 60_000;

/**
 * @param client the socket that the HTTP server let go of, with `head` read from it already
 * @returns once the two are joined; from then on they close each other
 */
export async function tunnel(
  client: Socket,
  request: { authority: string; head: Buffer },
  opts: { open: (target: HostPort) => Promise<Socket>; idleTimeoutMs: number },
): Promise<void> {
  const target = parseHostPort(request.authority, null);
  if (target === null) throw badHost(request.authority);
  const upstream = await opts.open(target);
  if (client.destroyed) {
    upstream.destroy();
    return;
  }
  client.write("HTTP/1.1 200 Connection established\r\n\r\n");
  if (request.head.length > 0) upstream.write(request.head);
  join(client, upstream, opts.idleTimeoutMs);
}

function join(client: Socket, upstream: Socket, idleTimeoutMs: number): void {
  const destroyBoth = (): void => {
    client.destroy();
    upstream.destroy();
  };
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.on("error", destroyBoth);
    // Any byte, either way, passes through both sockets; so does silence.
    from.setTimeout(idleTimeoutMs, destroyBoth);
    // Soon, not at once: what was read before may still be on its way to the other side.
    from.on("close", () => to.destroySoon());
    from.on("end", () => to.setTimeout(Math.min(idleTimeoutMs, HALF_CLOSED_TIMEOUT_MS)));
    from.pipe(to);
  }
}
