import net from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { ProviderCredential } from "../protocol";
import { createCredentialProxy, type CredentialProxy } from "./credential-proxy";
import {
  EGRESS_SECRET,
  startTestEgress,
  startTestUpstream,
  TEST_KEY,
  testProvider,
  type TestEgress,
} from "./egress-proxy.testing";

const failure = z.object({
  error: z.object({ message: z.string(), code: z.string(), detail: z.string().optional() }),
});
const echo = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});

let egress: TestEgress;
let table: ProviderCredential[];
let secret: string | null;
let proxy: CredentialProxy;
let server: { port: number; close(): Promise<void> };
let demoRequests: Request[];
const warnings: unknown[] = [];

beforeEach(async () => {
  egress = await startTestEgress();
  table = [];
  secret = EGRESS_SECRET;
  demoRequests = [];
  warnings.length = 0;
  proxy = createCredentialProxy({
    providers: () => table,
    demo: {
      fetch: async (request) => {
        demoRequests.push(request);
        return new Response(`demo ${new URL(request.url).pathname} ${await request.text()}`);
      },
    },
    egress: { socketPath: egress.socketPath, secret: () => secret },
    log: { warn: (...line) => warnings.push(line) },
  });
  server = await proxy.listen(0);
});

afterEach(async () => {
  await server.close();
  await egress[Symbol.asyncDispose]();
  expect(JSON.stringify(warnings)).not.toContain(TEST_KEY);
});

const url = (path: string) => `http://127.0.0.1:${server.port}${path}`;
const refusal = async (response: Response) => ({
  status: response.status,
  ...failure.parse(await response.json()).error,
});

/** The answer's head to a request written by hand. */
function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(server.port, "127.0.0.1", () => socket.write(request));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      socket.destroy();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

test("replaces every credential of the client by the provider's own", async () => {
  await using upstream = await startTestUpstream();
  table = [testProvider({ baseUrl: `http://api.acme.example:${upstream.port}/api/v1` })];
  const response = await fetch(url("/acme/chat/completions?key=theirs&alt=sse"), {
    method: "POST",
    headers: {
      authorization: "Bearer theirs",
      "x-api-key": "theirs",
      "x-goog-api-key": "theirs",
      "api-key": "theirs",
      cookie: "s=theirs",
      "content-type": "application/json",
      "x-session-id": "ses_1",
    },
    body: '{"model":"m"}',
  });
  expect(response.status).toBe(200);
  const [seen] = upstream.requests;
  expect(seen).toMatchObject({
    method: "POST",
    url: "/api/v1/chat/completions?alt=sse",
    body: '{"model":"m"}',
  });
  expect(seen?.headers).toMatchObject({
    authorization: `Bearer ${TEST_KEY}`,
    host: `api.acme.example:${upstream.port}`,
    "x-session-id": "ses_1",
    "accept-encoding": "identity",
    "content-length": "13",
  });
  expect(JSON.stringify(seen)).not.toContain("theirs");
  expect(egress.connects).toEqual([{ target: `api.acme.example:${upstream.port}`, marked: true }]);
});

test("scrubs its key from an echo, in headers and body, and drops cookies", async () => {
  await using upstream = await startTestUpstream();
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const response = await fetch(url("/acme/echo"));
  expect(response.headers.get("x-echo")).toBe("Bearer [redacted]");
  expect(response.headers.get("set-cookie")).toBeNull();
  const text = await response.text();
  expect(text).not.toContain(TEST_KEY);
  expect(echo.parse(JSON.parse(text)).headers.authorization).toBe("Bearer [redacted]");
});

test("puts a key into the header that the table names, and none where the table says none", async () => {
  await using upstream = await startTestUpstream();
  const baseUrl = `http://a.example:${upstream.port}`;
  table = [
    testProvider({ providerId: "header", baseUrl, auth: { kind: "header", header: "X-Api-Key" } }),
    testProvider({ providerId: "none", baseUrl, auth: { kind: "none" }, key: "" }),
  ];
  for (const id of ["header", "none"]) {
    await fetch(url(`/${id}/x`), { headers: { "x-api-key": "theirs", authorization: "theirs" } });
  }
  expect(upstream.requests.map(({ headers }) => [headers["x-api-key"], headers.authorization])).toEqual([
    [TEST_KEY, undefined],
    [undefined, undefined],
  ]);
});

test("headers that the client names in Connection do not travel", async () => {
  await using upstream = await startTestUpstream();
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const head = `GET /acme/x HTTP/1.1\r\nHost: localhost:${server.port}\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\nProxy-Authorization: Bearer theirs\r\nX-Kept: 2\r\n\r\n`;
  expect(await raw(head)).toMatch(/^HTTP\/1.1 200/);
  const headers = upstream.requests[0]?.headers ?? {};
  expect(headers["x-kept"]).toBe("2");
  for (const name of ["x-secret", "te", "proxy-authorization"]) expect(headers[name]).toBeUndefined();
});

test("a stream arrives chunk by chunk, a key cut between two chunks is scrubbed", async () => {
  const continues: (() => void)[] = [];
  await using upstream = await startTestUpstream((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const steps = ["data: one\n\n", `data: ${TEST_KEY.slice(0, 9)}`, `${TEST_KEY.slice(9)}\n\n`];
    const step = () => {
      const next = steps.shift();
      if (next === undefined) response.end();
      else response.write(next);
    };
    continues.push(step);
    response.flushHeaders();
  });
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const response = await fetch(url("/acme/stream"), { method: "POST", body: "{}" });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const next = continues[0] ?? (() => undefined);
  const reader = response.body?.getReader();
  const read = async () => Buffer.from((await reader?.read())?.value ?? []).toString();
  // Each is read before the next is written, so nothing is waiting for more.
  next();
  expect(await read()).toBe("data: one\n\n");
  next();
  expect(await read()).toBe("data: ");
  next();
  expect(await read()).toBe("[redacted]\n\n");
  next();
  expect((await reader?.read())?.done).toBe(true);
});

test("a client that leaves closes the upstream connection", async () => {
  let closed: (() => void) | undefined;
  const upstreamClosed = new Promise<void>((resolve) => (closed = resolve));
  await using upstream = await startTestUpstream((request, response) => {
    request.socket.on("close", () => closed?.());
    response.writeHead(200).write("x");
  });
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const leaving = new AbortController();
  const response = await fetch(url("/acme/x"), { signal: leaving.signal });
  await response.body?.getReader().read();
  leaving.abort();
  await upstreamClosed;
});

test("an upstream that is cut cuts the client's stream: it does not look complete", async () => {
  await using upstream = await startTestUpstream((request, response) => {
    response.writeHead(200).write("half", () => request.socket.destroy());
  });
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const response = await fetch(url("/acme/x"));
  await expect(response.text()).rejects.toThrow();
});

test.each([301, 302, 303, 307, 308])("does not follow a %i", async (status) => {
  await using elsewhere = await startTestUpstream();
  await using upstream = await startTestUpstream((_request, response) => {
    response
      .writeHead(status, { location: `http://b.example:${elsewhere.port}/steal` })
      .end(`moved ${TEST_KEY}`);
  });
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const answer = await refusal(
    await fetch(url("/acme/x"), { method: "POST", body: "{}", redirect: "manual" }),
  );
  expect(answer).toMatchObject({ status: 502, code: "redirect_refused" });
  expect(answer.message).toContain("redirect, which keys never follow");
  expect(elsewhere.requests).toEqual([]);
  expect(egress.connects).toHaveLength(1);
});

test("refuses a compressed answer, in which a key could hide", async () => {
  await using upstream = await startTestUpstream((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end("x");
  });
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  expect(await refusal(await fetch(url("/acme/x")))).toMatchObject({ status: 502, code: "encoded_answer" });
});

test("refuses a part of an answer, which could begin in the middle of a key", async () => {
  await using upstream = await startTestUpstream((_request, response) => {
    response.writeHead(206, { "content-range": "bytes 9-9/10" }).end("x");
  });
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  expect(await refusal(await fetch(url("/acme/x")))).toMatchObject({ status: 502, code: "partial_answer" });
});

test("asks for no part of an answer and for no other method, whatever the client's headers say", async () => {
  await using upstream = await startTestUpstream();
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const names = ["range", "if-range", "x-http-method", "x-http-method-override", "x-method-override"];
  const headers = Object.fromEntries(names.map((name) => [name, name === "range" ? "bytes=9-" : "DELETE"]));
  await fetch(url("/acme/x?oauth_token=theirs&a=b"), { headers });
  const [seen] = upstream.requests;
  expect(names.filter((name) => name in (seen?.headers ?? {}))).toEqual([]);
  expect(seen?.url).toMatch(/\?a=b$/);
});

test("hands provider errors through as they are, and answers without a body", async () => {
  await using upstream = await startTestUpstream((request, response) => {
    if (request.url === "/empty") response.writeHead(204).end();
    else response.writeHead(429, { "retry-after": "7" }).end('{"error":{"message":"slow down"}}');
  });
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const limited = await fetch(url("/acme/x"));
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
  expect(await limited.text()).toContain("slow down");
  expect((await fetch(url("/acme/empty"))).status).toBe(204);
});

test("an unknown provider is 404 with a sentence, and nothing is dialled", async () => {
  table = [testProvider()];
  for (const path of ["/other/v1", "/", "/acme2/x", "/ACME/x", "/__proto__/x"]) {
    const answer = await refusal(await fetch(url(path)));
    expect(answer).toMatchObject({ status: 404, code: "unknown_provider" });
  }
  expect(egress.connects).toEqual([]);
});

test("the table of the moment counts", async () => {
  await using upstream = await startTestUpstream();
  const baseUrl = `http://a.example:${upstream.port}`;
  expect((await fetch(url("/acme/x"))).status).toBe(404);
  table = [testProvider({ baseUrl, key: "first-key-0001" })];
  await (await fetch(url("/acme/x"))).text();
  table = [testProvider({ baseUrl, key: "second-key-0002" })];
  await (await fetch(url("/acme/x"))).text();
  table = [];
  expect((await fetch(url("/acme/x"))).status).toBe(404);
  const sent = upstream.requests.map(({ headers }) => headers.authorization);
  expect(sent).toEqual(["Bearer first-key-0001", "Bearer second-key-0002"]);
});

test("says in the egress proxy's words why a host is refused", async () => {
  table = [testProvider({ baseUrl: "http://refused.example/v1" })];
  expect(await refusal(await fetch(url("/acme/x")))).toMatchObject({
    status: 502,
    code: "egress_refused",
    message: "Sessions of this team may not reach refused.example:80; ask an admin to allow it.",
  });
});

test("says so when nothing answers at the provider's address", async () => {
  const free = await startTestUpstream();
  await free[Symbol.asyncDispose]();
  table = [testProvider({ baseUrl: `http://a.example:${free.port}` })];
  const answer = await refusal(await fetch(url("/acme/x")));
  expect(answer).toMatchObject({
    status: 502,
    code: "egress_refused",
    message: "Nothing answers at that port",
  });
});

test("an upstream that hangs up without an answer is 502 with a sentence", async () => {
  await using upstream = await startTestUpstream((request) => request.socket.destroy());
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const answer = await refusal(await fetch(url("/acme/x"), { method: "POST", body: "{}" }));
  expect(answer).toMatchObject({ status: 502, code: "upstream_unreachable" });
  expect(answer.message).toContain("Acme could not be reached");
});

test("says so when the egress socket is not there, and before registration", async () => {
  table = [testProvider()];
  const lost = createCredentialProxy({
    providers: () => table,
    demo: { fetch: () => new Response() },
    egress: { socketPath: "/tmp/oa-absent/egress.sock", secret: () => secret },
    log: { warn: () => undefined },
  });
  const request = () => new Request("http://proxy/acme/x");
  expect(await refusal(await lost.fetch(request()))).toMatchObject({
    status: 502,
    code: "upstream_unreachable",
  });
  secret = null;
  expect(await refusal(await lost.fetch(request()))).toMatchObject({ status: 503, code: "not_ready" });
});

test("without the secret the egress proxy would refuse: the mark is what opens the way", async () => {
  await using upstream = await startTestUpstream();
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  secret = "another";
  expect((await fetch(url("/acme/x"))).status).toBe(502);
  expect(upstream.requests).toEqual([]);
});

test("demo requests go to the demo model without the prefix, also when the table has a demo of its own", async () => {
  table = [testProvider({ providerId: "demo" })];
  const response = await fetch(url("/demo/v1/chat/completions"), { method: "POST", body: "hi" });
  expect(await response.text()).toBe("demo /v1/chat/completions hi");
  expect(egress.connects).toEqual([]);
});

test("a demo client that leaves aborts the demo model's request", async () => {
  const leaving = new AbortController();
  let abort = () => {};
  const aborted = new Promise<void>((resolve) => (abort = resolve));
  const hanging = createCredentialProxy({
    providers: () => [],
    demo: {
      fetch: (request) => {
        request.signal.addEventListener("abort", abort);
        leaving.abort();
        return new Promise(() => undefined);
      },
    },
    egress: { socketPath: egress.socketPath, secret: () => secret },
    log: { warn: () => undefined },
  });
  const other = await hanging.listen(0);
  const init = { method: "POST", body: "x", signal: leaving.signal };
  await expect(fetch(`http://127.0.0.1:${other.port}/demo/v1/x`, init)).rejects.toThrow();
  await aborted;
  await other.close();
});

test("refuses a body over 32 MiB, declared or not", async () => {
  await using upstream = await startTestUpstream();
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const declared = await raw(
    `POST /acme/x HTTP/1.1\r\nHost: localhost:${server.port}\r\nContent-Length: ${33 * 1024 * 1024}\r\n\r\n`,
  );
  expect(declared).toMatch(/^HTTP\/1.1 413 /);
  const chunk = Buffer.alloc(1024 * 1024);
  const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(chunk) });
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
  const undeclared = await proxy.fetch(new Request("http://proxy/acme/x", init));
  expect(await refusal(undeclared)).toMatchObject({ status: 413, code: "body_too_large" });
  expect(upstream.requests).toEqual([]);
});

test("a prompt of many MiB reaches the provider whole", async () => {
  await using upstream = await startTestUpstream();
  table = [testProvider({ baseUrl: `http://a.example:${upstream.port}` })];
  const body = "p".repeat(20 * 1024 * 1024);
  const response = await fetch(url("/acme/x"), { method: "POST", body });
  await response.body?.cancel();
  expect(upstream.requests[0]?.body.length).toBe(body.length);
});
