/** A CONNECT proxy on a unix socket and an upstream on loopback, for tests of the credential proxy. */
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ProviderCredential } from "../protocol";

export const EGRESS_SECRET = "egress-secret-of-this-instance-0123456789";

export interface TestEgress extends AsyncDisposable {
  readonly socketPath: string;
  /** Every CONNECT, refused ones too. */
  readonly connects: { target: string; marked: boolean }[];
}

/** Lets marked connections through to loopback and refuses `refused.example`. */
export async function startTestEgress(): Promise<TestEgress> {
  const directory = await mkdtemp(path.join(tmpdir(), "oa-egress-"));
  const socketPath = path.join(directory, "egress.sock");
  const connects: TestEgress["connects"] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer();
  server.on("connection", (socket: net.Socket) => sockets.add(socket));
  server.on("connect", (request, client: net.Socket, head) => {
    const target = request.url ?? "";
    const marked = request.headers["proxy-authorization"] === `Bearer ${EGRESS_SECRET}`;
    connects.push({ target, marked });
    client.on("error", () => client.destroy());
    if (!marked || target.startsWith("refused.example")) {
      const body = `Sessions of this team may not reach ${target}; ask an admin to allow it.`;
      client.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return;
    }
    const port = Number(target.split(":").at(-1));
    const upstream = net.connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    sockets.add(upstream);
    upstream.on("error", () => {
      client.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 28\r\n\r\nNothing answers at that port");
    });
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    connects,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface TestUpstream extends AsyncDisposable {
  readonly port: number;
  readonly requests: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[];
}

/** Answers by `answer`; without one it echoes what it was sent, headers included. */
export async function startTestUpstream(
  answer?: (request: http.IncomingMessage, response: http.ServerResponse) => void,
): Promise<TestUpstream> {
  const requests: TestUpstream["requests"] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
      requests.push(seen);
      if (answer !== undefined) return answer(request, response);
      response.setHeader("x-echo", String(headers.authorization ?? headers["x-api-key"] ?? ""));
      response.setHeader("set-cookie", "a=b");
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(seen));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has a TCP address.");
  return {
    port: address.port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const TEST_KEY = "sk-test-abcdefghijklmnopqrstuvwxyz-0123456789";

export function testProvider(change: Partial<ProviderCredential> = {}): ProviderCredential {
  return {
    providerId: "acme",
    baseUrl: "http://api.acme.example/api/v1",
    auth: { kind: "bearer" },
    key: TEST_KEY,
    npm: "@ai-sdk/openai-compatible",
    name: "Acme",
    models: [],
    ...change,
  };
}
