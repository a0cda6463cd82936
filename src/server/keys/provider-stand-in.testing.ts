/** For the tests of key tests: servers on loopback that stand for providers, and a network that leads to them. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DialOptions } from "../egress/open-upstream";
import { createServerConnections, type ConnectToProvider } from "../egress/server-connections";
import type { HostPort } from "../egress/parse-host-port";

/** A documentation address, so never a real one; the tests' network leads from it to a stand-in. */
export const PUBLIC_ADDRESS = "203.0.113.80";

/** A provider that always says the same. */
export const json = (status: number, body: unknown): RequestListener => {
  return (_, res) =>
    void res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};
export const threeModels = json(200, { object: "list", data: [{ id: "a" }, { id: "b" }, { id: "c" }] });

export interface StandIn {
  port: number;
  /** Connections taken, whatever came over them. */
  connections: number;
  requests: Pick<IncomingMessage, "method" | "url" | "headers">[];
}

export interface Certificate {
  key: string;
  /** PEM; its own authority. */
  cert: string;
}

/** Disposable: closes every server it started. */
export class ProviderBench {
  readonly asked: string[] = [];
  readonly dialled: DialOptions[] = [];
  /** Names to addresses; what is not here resolves to {@link PUBLIC_ADDRESS}. */
  readonly names = new Map<string, string[]>();
  /** Where {@link PUBLIC_ADDRESS} leads. */
  publicPort = 0;
  private readonly closers: (() => Promise<unknown>)[] = [];

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.closers.reverse()) await close();
  }

  connections(allowPrivate: readonly HostPort[]): ConnectToProvider {
    return createServerConnections({
      allowPrivate,
      connectTimeoutMs: 30_000,
      resolve: async (host) => {
        this.asked.push(host);
        return this.names.get(host) ?? [PUBLIC_ADDRESS];
      },
      dial: (to) => {
        this.dialled.push(to);
        const isPublic = to.address === PUBLIC_ADDRESS;
        return connect({
          host: isPublic ? "127.0.0.1" : to.address,
          port: isPublic ? this.publicPort : to.port,
          allowHalfOpen: to.allowHalfOpen,
        });
      },
    });
  }

  http(answer: RequestListener): Promise<StandIn> {
    return this.listen((onRequest) => createHttpServer(onRequest), answer);
  }

  https(certificate: Certificate, answer: RequestListener): Promise<StandIn> {
    return this.listen((onRequest) => createHttpsServer(certificate, onRequest), answer);
  }

  tcp(onConnection: (socket: Socket) => void): Promise<StandIn> {
    const server = (): Server =>
      createTcpServer((socket) => {
        socket.on("error", () => socket.destroy());
        onConnection(socket);
      });
    return this.listen(server, () => undefined);
  }

  private async listen(
    make: (onRequest: RequestListener) => Server,
    answer: RequestListener,
  ): Promise<StandIn> {
    const seen: StandIn = { port: 0, connections: 0, requests: [] };
    const sockets = new Set<Socket>();
    const server = make((req, res) => {
      seen.requests.push({ method: req.method, url: req.url, headers: req.headers });
      answer(req, res);
    });
    server.on("connection", (socket: Socket) => {
      seen.connections += 1;
      sockets.add(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    seen.port = address.port;
    this.closers.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return seen;
  }
}

/** @returns null where there is no openssl to make one with */
export function makeCertificate(hosts: readonly string[]): Certificate | null {
  const dir = mkdtempSync(join(tmpdir(), "oa-tls-"));
  try {
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const names = hosts.map((host) => `DNS:${host}`).join(",");
    const kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    const made = spawnSync("openssl", [
      "req",
      ...kind,
      ...["-keyout", key, "-out", cert, "-subj", "/CN=stand-in", "-addext", `subjectAltName=${names}`],
    ]);
    return made.status === 0 ? { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") } : null;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
