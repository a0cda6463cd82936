import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startEgressForwarder } from "./egress-forwarder";

let directory: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "oa-fwd-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(directory, { recursive: true, force: true });
});

async function egress(onConnection: (socket: net.Socket) => void): Promise<string> {
  const socketPath = path.join(directory, "egress.sock");
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return socketPath;
}

async function forwarder(egressSocket: string) {
  const started = await startEgressForwarder({ port: 0, egressSocket });
  cleanups.push(() => started.close());
  return started;
}

/** Sends `text`, ends its side, and gives everything that came back until the other side ended. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => resolve(Buffer.concat(chunks).toString()));
    socket.on("error", reject);
    socket.on("connect", () => socket.end(text));
  });
}

test("passes bytes both ways unchanged, credentials included, and answers after a half-close", async () => {
  const socketPath = await egress((socket) => {
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    // Answers only once the client has ended its side: needs half-close to travel through.
    socket.on("end", () => socket.end(`got ${Buffer.concat(chunks).toString()}`));
  });
  const { port } = await forwarder(socketPath);
  const request = "GET http://a.example/ HTTP/1.1\r\nProxy-Authorization: Bearer x\r\n\r\n";
  expect(await exchange(port, request)).toBe(`got ${request}`);
});

test("carries many connections at once, each on its own connection to the egress socket", async () => {
  let seen = 0;
  const socketPath = await egress((socket) => {
    seen += 1;
    socket.pipe(socket);
  });
  const { port } = await forwarder(socketPath);
  const texts = Array.from({ length: 50 }, (_, index) => `${index}:`.repeat(5000));
  expect(await Promise.all(texts.map((text) => exchange(port, text)))).toEqual(texts);
  expect(seen).toBe(50);
});

test("answers 502 with a sentence when no egress proxy listens", async () => {
  const { port } = await forwarder(path.join(directory, "absent.sock"));
  const answer = await exchange(port, "CONNECT a.example:443 HTTP/1.1\r\n\r\n");
  expect(answer).toMatch(/^HTTP\/1\.1 502 /);
  expect(answer).toContain("try again in a moment");
});

test("a client that vanishes closes the connection to the egress socket", async () => {
  const closed = new Promise<void>((resolve, reject) => {
    egress((socket) => {
      socket.on("data", () => client.resetAndDestroy());
      socket.on("end", () => resolve());
    }).then((socketPath) => forwarder(socketPath).then(({ port }) => connect(port)), reject);
    let client: net.Socket;
    const connect = (port: number) => {
      client = net.connect(port, "127.0.0.1", () => client.write("x"));
    };
  });
  await closed;
});

test("an egress proxy that resets closes the client", async () => {
  const socketPath = await egress((socket) => socket.on("data", () => socket.destroy()));
  const { port } = await forwarder(socketPath);
  await new Promise<void>((resolve) => {
    const client = net.connect(port, "127.0.0.1", () => client.write("x"));
    client.on("error", () => resolve());
    client.on("close", () => resolve());
  });
});

test("refuses connections beyond 256 and serves again when some have gone", async () => {
  const socketPath = await egress((socket) => {
    socket.write("hi");
    socket.on("end", () => socket.end());
  });
  const { port } = await forwarder(socketPath);
  const clients: net.Socket[] = [];
  cleanups.push(() => clients.forEach((client) => client.destroy()));
  const greeted = () =>
    new Promise<boolean>((resolve) => {
      const client = net.connect(port, "127.0.0.1");
      clients.push(client);
      client.once("data", () => resolve(true));
      client.once("close", () => resolve(false));
      client.on("error", () => resolve(false));
    });
  const first = await Promise.all(Array.from({ length: 256 }, greeted));
  expect(first.every(Boolean)).toBe(true);
  expect(await greeted()).toBe(false);
  for (const client of clients.splice(0, 10)) client.destroy();
  await expect.poll(greeted).toBe(true);
});

test("closing it cuts open connections and frees the port", async () => {
  const socketPath = await egress((socket) => socket.write("hi"));
  const first = await startEgressForwarder({ port: 0, egressSocket: socketPath });
  const client = net.connect(first.port, "127.0.0.1");
  client.on("error", () => client.destroy());
  await new Promise((resolve) => client.once("data", resolve));
  const gone = new Promise((resolve) => client.once("close", resolve));
  await first.close();
  await gone;
  const second = await startEgressForwarder({ port: first.port, egressSocket: socketPath });
  await second.close();
});

test("a taken port is an error, not a silent other port", async () => {
  const socketPath = await egress((socket) => socket.end());
  const { port } = await forwarder(socketPath);
  await expect(startEgressForwarder({ port, egressSocket: socketPath })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
});
