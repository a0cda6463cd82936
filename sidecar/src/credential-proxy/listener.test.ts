import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startListener, type Listener } from "./listener";

let listener: Listener;
let handle: (request: Request) => Promise<Response>;
let handled: string[];

beforeEach(async () => {
  handled = [];
  handle = async (request) => {
    handled.push(`${request.method} ${request.url} ${await request.text()}`);
    return new Response("ok");
  };
  listener = await startListener(0, (request) => handle(request));
});

afterEach(() => listener.close());

/** What comes back first to a request written by hand. */
function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(listener.port, "127.0.0.1", () => socket.write(request));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      socket.destroy();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

test.each(["127.0.0.1", "localhost", "LOCALHOST"])("serves %s", async (host) => {
  const head = `POST /acme/x?y=1 HTTP/1.1\r\nHost: ${host}:${listener.port}\r\nContent-Length: 2\r\n\r\nhi`;
  expect(await raw(head)).toMatch(/^HTTP\/1.1 200 /);
  expect(handled).toEqual([`POST http://${host.toLowerCase()}:${listener.port}/acme/x?y=1 hi`]);
});

test("holds so many connections and closes the next one, until one of them goes", async () => {
  const dial = async () => {
    const socket = net.connect(listener.port, "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  };
  const held: net.Socket[] = [];
  for (let i = 0; i < 128; i += 1) held.push(await dial());
  await once(await dial(), "close");
  expect(held.some((socket) => socket.closed)).toBe(false);
  held[0]?.destroy();
  const ask = () => raw(`GET /acme/x HTTP/1.1\r\nHost: localhost:${listener.port}\r\n\r\n`).catch(() => "");
  await expect.poll(ask).toMatch(/^HTTP\/1.1 200 /);
  for (const socket of held) socket.destroy();
});

test.each([
  ["another name", "Host: evil.example"],
  ["our name on another port", "Host: 127.0.0.1:1"],
  ["no port", "Host: localhost"],
  ["another loopback name", "Host: [::1]:{port}"],
  ["a name that begins like ours", "Host: localhost:{port}.evil.example"],
  ["a name and password before ours", "Host: a@localhost:{port}"],
])("refuses a request for %s", async (_name, header) => {
  const host = header.replace("{port}", String(listener.port));
  expect(await raw(`GET /acme/x HTTP/1.1\r\n${host}\r\n\r\n`)).toMatch(/^HTTP\/1.1 421 /);
  expect(handled).toEqual([]);
});

test.each([
  "http://evil.example/acme/x",
  "//evil.example/acme/x",
  "/acme/../other",
  "/acme/%2e%2e/other",
  "/acme/%252e%252e/other",
  "/acme//x",
  "/acme/a%2fb",
  "/acme/a\\b",
])("refuses %s as it stands on the wire", async (target) => {
  const head = await raw(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${listener.port}\r\n\r\n`);
  expect(head).toMatch(/^HTTP\/1.1 400 /);
  expect(handled).toEqual([]);
});

test.each(["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])("refuses %s", async (method) => {
  const head = await raw(`${method} /acme/x HTTP/1.1\r\nHost: 127.0.0.1:${listener.port}\r\n\r\n`);
  expect(head).toMatch(/^HTTP\/1.1 405 /);
  expect(handled).toEqual([]);
});

test("is no CONNECT proxy", async () => {
  const host = `127.0.0.1:${listener.port}`;
  expect(await raw(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe("");
});

test("a stream that fails is cut, and what came before it arrives", async () => {
  let step = 0;
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => {
        step += 1;
        if (step === 1) controller.enqueue(Buffer.from("before"));
        else controller.error(new Error("cut"));
      },
    });
  handle = () => Promise.resolve(new Response(body()));
  const response = await fetch(`http://127.0.0.1:${listener.port}/acme/x`);
  const reader = response.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("before");
  await expect(reader?.read()).rejects.toThrow();
});

test("a client that leaves aborts its request", async () => {
  const leaving = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    handle = (request) => {
      request.signal.addEventListener("abort", () => resolve());
      leaving.abort();
      return new Promise(() => undefined);
    };
  });
  const url = `http://127.0.0.1:${listener.port}/acme/x`;
  await expect(fetch(url, { method: "POST", body: "x", signal: leaving.signal })).rejects.toThrow();
  await aborted;
});

test("closing cuts what is under way and frees the port", async () => {
  handle = () =>
    Promise.resolve(new Response(new ReadableStream({ start: (c) => c.enqueue(Buffer.from("x")) })));
  const response = await fetch(`http://127.0.0.1:${listener.port}/acme/x`);
  const cut = expect(response.text()).rejects.toThrow();
  await listener.close();
  await cut;
  const again = http.createServer();
  await new Promise<void>((resolve) => again.listen(listener.port, "127.0.0.1", resolve));
  await new Promise((resolve) => again.close(resolve));
});

test("a taken port is an error", async () => {
  await expect(startListener(listener.port, handle)).rejects.toMatchObject({ code: "EADDRINUSE" });
});
