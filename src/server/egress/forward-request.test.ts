import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  converse,
  dialUnix,
  EgressBench,
  get,
  MARK,
  PUBLIC_ADDRESS,
  readAll,
  readUntil,
} from "./egress-test-bench";

let bench: EgressBench;
beforeEach(async () => {
  bench = await EgressBench.make();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

describe("plain HTTP", () => {
  it("takes the name once, dials that address, and passes request and answer on without what ends at a hop", async () => {
    const seen: { url?: string; method?: string; raw: string[]; body: string }[] = [];
    await bench.publicHttp((req, res) => {
      void text(req).then((body) => {
        seen.push({ url: req.url, method: req.method, raw: req.rawHeaders, body });
        res.writeHead(201, [
          ...["Set-Cookie", "a=1", "Set-Cookie", "b=2", "Connection", "x-hop", "X-Hop", "1"],
          ...["Proxy-Authenticate", "Basic", "X-End", "to-end"],
        ]);
        res.end("created");
      });
    });
    const { path, listener } = await bench.listen();
    const answer = await converse(
      path,
      [
        "POST http://One.example:8080?q=1 HTTP/1.1",
        "Host: evil.example",
        "Proxy-Connection: keep-alive",
        `Proxy-Authorization: Bearer whatever`,
        "Connection: close, X-Mine",
        "X-Mine: 1",
        "X-Kept: 2",
        "Authorization: Bearer for-the-site",
        "Content-Length: 4",
        "",
        "body",
      ].join("\r\n"),
    );
    expect(seen).toEqual([
      {
        url: "/?q=1",
        method: "POST",
        raw: [
          ...["X-Kept", "2", "Authorization", "Bearer for-the-site", "Content-Length", "4"],
          ...["Host", "one.example:8080", "Connection", "close"],
        ],
        body: "body",
      },
    ]);
    expect(answer).toMatch(
      /^HTTP\/1\.1 201 Created\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-End: to-end\r\n/,
    );
    expect(answer).not.toMatch(/x-hop|proxy-authenticate/i);
    expect(answer).toContain("created");
    expect(bench.dialled).toEqual([{ address: PUBLIC_ADDRESS, port: 8080, allowHalfOpen: false }]);
    expect(listener.counters()).toMatchObject({ allowed: 1, refused: 0 });
    expect(listener.counters().bytesUp).toBeGreaterThan(100);
    expect(listener.counters().bytesDown).toBeGreaterThan(100);
  });

  it("answers several requests on one connection, each to its own host and with its own rights", async () => {
    await bench.publicHttp((req, res) => res.end(`<${req.headers.host}${req.url}>`));
    const { path } = await bench.listen({}, { onlyMarked: new Set(["two.example"]) });
    const socket = await dialUnix(path);
    socket.write("GET http://one.example/a HTTP/1.1\r\nHost: one.example\r\n\r\n");
    await readUntil(socket, "<one.example/a>");
    socket.write(`GET http://two.example/b HTTP/1.1\r\nHost: x\r\n${MARK}\r\n\r\n`);
    await readUntil(socket, "<two.example/b>");
    // The mark of one request is not that of the next.
    socket.write("GET http://two.example/c HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 403 /);
  });

  it("keeps a body inside its request, also where the method has none as a rule", async () => {
    const seen: string[] = [];
    await bench.publicHttp((req, res) => {
      void text(req).then((body) => {
        seen.push(`${req.method} ${req.url} ${body}`);
        res.end();
      });
    });
    const { path } = await bench.listen();
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    const chunked = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
    await converse(path, get("http://one.example/1", "Transfer-Encoding: chunked") + chunked);
    await converse(path, `${get("http://one.example/2", `Content-Length: ${smuggled.length}`)}${smuggled}`);
    await converse(path, "POST http://one.example/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(seen).toEqual([`GET /1 ${smuggled}`, `GET /2 ${smuggled}`, "POST /3 "]);
  });

  it.each([
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: +5",
    "Content-Length : 5",
  ])("refuses a request whose end is in doubt: %j", async (headers) => {
    const { path } = await bench.listen();
    expect(await converse(path, get("http://one.example/", headers))).toMatch(/^HTTP\/1\.1 400 /);
    expect(bench.dialled).toEqual([]);
  });

  it("streams both ways before either side is done", async () => {
    await bench.publicHttp((req, res) => {
      res.flushHeaders();
      req.pipe(res);
    });
    const { path } = await bench.listen();
    const outgoing = request({
      socketPath: path,
      method: "POST",
      path: "http://one.example/echo",
      agent: false,
    });
    outgoing.flushHeaders();
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    incoming.setEncoding("utf8");
    for (const word of ["one", "two"]) {
      outgoing.write(word);
      expect(await once(incoming, "data")).toEqual([word]);
    }
    outgoing.end("three");
    expect(await text(incoming)).toBe("three");
  });

  it("cuts an answer that upstream cut, so that nobody takes it for whole", async () => {
    await bench.publicTcp((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", () => socket.destroy());
    });
    const { path } = await bench.listen();
    const outgoing = request({ socketPath: path, path: "http://one.example/", agent: false });
    outgoing.end();
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    await expect(text(incoming)).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it.each([
    ["nothing", ""],
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
    [
      "a switch of protocols that nobody asked for",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
    ["both kinds of framing", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["endless headers", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n\r\n`],
  ])("says 502 with a sentence when upstream answers %s", async (_what, answer) => {
    await bench.publicTcp((socket) => {
      socket.once("data", () => socket.end(answer));
    });
    const { path } = await bench.listen();
    const received = await converse(path, get("http://one.example/"));
    expect(received).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
    expect(received).toMatch(/\r\n\r\n[A-Z].*\.\n$/);
  });

  it("lets go of upstream when the program goes away", async () => {
    let take = (_socket: Socket) => {};
    const upstream = new Promise<Socket>((resolve) => (take = resolve));
    await bench.publicTcp((socket) => socket.once("data", () => take(socket)));
    const { path } = await bench.listen();
    const socket = await dialUnix(path);
    socket.write(get("http://one.example/"));
    const there = await upstream;
    socket.destroy();
    there.resume();
    if (!there.readableEnded) await once(there, "end");
  });

  it.each([
    ["a request meant for a server", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400],
    ["https in absolute form", get("https://one.example/"), 400],
    ["another scheme", get("ftp://one.example/"), 400],
    ["a backslash", get("http://one.example\\@127.0.0.1/"), 400],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
    ["an unknown method", "BREW http://one.example/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["too many headers", get("http://one.example/", `X: ${"x".repeat(40_000)}`), 431],
  ])("answers %s with a sentence", async (_what, raw, status) => {
    const { path } = await bench.listen();
    const answer = await converse(path, raw);
    expect(answer.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
    expect(answer).toMatch(/\r\n\r\n.*\.\n$/s);
  });
});
