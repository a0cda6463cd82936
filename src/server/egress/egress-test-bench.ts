/** For the proxy's tests: a proxy on a unix socket in a temporary directory, and raw conversations with it. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server as HttpServer } from "node:http";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createEgressProxy, type EgressListener, type EgressProxyOptions } from "./egress-proxy";
import type { DialOptions } from "./open-upstream";
import type { EgressSession } from "./outlet";

export const SECRET = "egress-secret-".padEnd(43, "x");
export const MARK = `Proxy-Authorization: Bearer ${SECRET}`;
/** What every `*.example` name of the tests resolves to; a documentation address, so never a real one. */
export const PUBLIC_ADDRESS = "203.0.113.80";

/** Disposable: closes every listener and server it made. */
export class EgressBench {
  readonly dialled: DialOptions[] = [];
  readonly logged: string[] = [];
  /** Names to addresses; a name that is not here resolves to {@link PUBLIC_ADDRESS} when it ends in `.example`. */
  readonly names = new Map<string, string[]>();
  private readonly closers: (() => Promise<unknown>)[] = [];
  /** Where public addresses really lead: a port on loopback. */
  publicPort = 0;

  private constructor(readonly dir: string) {}

  static async make(): Promise<EgressBench> {
    return new EgressBench(await mkdtemp(join(tmpdir(), "oa-")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.closers.reverse()) await close();
    await rm(this.dir, { recursive: true, force: true });
  }

  async listen(
    options: Partial<EgressProxyOptions> = {},
    session: Partial<EgressSession> = {},
  ): Promise<{ path: string; listener: EgressListener }> {
    const path = join(this.dir, `egress-${this.closers.length}.sock`);
    const proxy = createEgressProxy({
      allowPrivate: [],
      log: pino({ level: "debug" }, { write: (line: string) => this.logged.push(line) }),
      resolve: async (host) => this.resolve(host),
      dial: (to) => {
        this.dialled.push(to);
        const leadsHere = to.address === PUBLIC_ADDRESS;
        return connect({
          host: leadsHere ? "127.0.0.1" : to.address,
          port: leadsHere ? this.publicPort : to.port,
          allowHalfOpen: to.allowHalfOpen,
        });
      },
      ...options,
    });
    const listener = await proxy.listen(path, {
      sessionId: "ses_00000000",
      instanceId: "ins_00000000",
      policy: () => ({ kind: "public" }),
      egressSecret: () => SECRET,
      onlyMarked: new Set(),
      ...session,
    });
    this.closers.push(() => listener.close());
    return { path, listener };
  }

  private resolve(host: string): string[] {
    const known = this.names.get(host);
    if (known !== undefined) return known;
    if (host.endsWith(".example")) return [PUBLIC_ADDRESS];
    throw Object.assign(new Error(`queryA ENOTFOUND ${host}`), { code: "ENOTFOUND" });
  }

  /** An HTTP server on loopback that stands for the public Internet. @returns its port */
  async publicHttp(onRequest: RequestListener): Promise<number> {
    return (this.publicPort = await this.start(createServer(onRequest)));
  }

  /** The same, for bytes. */
  async publicTcp(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      onConnection(socket);
    });
    return (this.publicPort = await this.start(server));
  }

  async start(server: Server | HttpServer): Promise<number> {
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => sockets.add(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }
}

/** Connects to a unix socket; the caller destroys it. */
export async function dialUnix(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on("error", () => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** Sends text and reads until the other side ends. */
export async function converse(path: string, text: string | Buffer): Promise<string> {
  const socket = await dialUnix(path);
  socket.write(text);
  const received = await readAll(socket);
  socket.destroy();
  return received;
}

export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  // Not `once`, which rejects on a reset; here that is just an end.
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return Buffer.concat(chunks).toString();
}

/** Reads until the text is there. @throws Error with what came instead, when the other side ends without it */
export function readUntil(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const leave = (): void => {
      socket.removeListener("data", onData);
      socket.removeListener("close", onClose);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.toString();
      if (!received.includes(wanted)) return;
      leave();
      resolve(received);
    };
    const onClose = (): void => {
      leave();
      reject(
        new Error(`It closed after ${JSON.stringify(received)} and never said ${JSON.stringify(wanted)}.`),
      );
    };
    socket.on("data", onData);
    if (socket.closed) onClose();
    else socket.once("close", onClose);
  });
}

/** A request in absolute form, answered whole and closed. */
export const get = (url: string, ...headers: string[]): string =>
  [`GET ${url} HTTP/1.1`, "Host: x", "Connection: close", ...headers, "", ""].join("\r\n");
export const connectTo = (authority: string, ...headers: string[]): string =>
  [`CONNECT ${authority} HTTP/1.1`, ...headers, "", ""].join("\r\n");
