import { once } from "node:events";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { connect, Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEgressProxy } from "./egress-proxy";
import {
  converse,
  dialUnix,
  EgressBench,
  MARK,
  PUBLIC_ADDRESS,
  readAll,
  readUntil,
  SECRET,
} from "./egress-test-bench";

let bench: EgressBench;
beforeEach(async () => {
  bench = await EgressBench.make();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A request in absolute form, answered whole and closed. */
const get = (url: string, ...headers: string[]): string =>
  [`GET ${url} HTTP/1.1`, "Host: x", "Connection: close", ...headers, "", ""].join("\r\n");
const connectTo = (authority: string, ...headers: string[]): string =>
  [`CONNECT ${authority} HTTP/1.1`, ...headers, "", ""].join("\r\n");

describe("what is refused", () => {
  it.each([
    "127.0.0.1:80",
    "localhost:80",
    "10.0.0.1:443",
    "169.254.169.254:80",
    "[::1]:80",
    "[::ffff:127.0.0.1]:80",
    "[::ffff:a00:1]:80",
    "[64:ff9b::7f00:1]:80",
    "[2002:7f00:1::]:80",
    "[fe80::1%25eth0]:80",
    "127.1:80",
    "2130706433:80",
    "0x7f.1:80",
    "0177.0.0.1:80",
    "127.0.0.1.:80",
    "rebinding.example:80",
    "inner.example:80",
    "own.example:80",
    "example.org:0",
    "example.org:65536",
    "example.org",
    "user@one.example:80",
  ])("%s, by CONNECT and by plain HTTP, without a connection to anywhere", async (authority) => {
    bench.names.set("localhost", ["127.0.0.1", "::1"]);
    bench.names.set("rebinding.example", [PUBLIC_ADDRESS, "127.0.0.1"]);
    bench.names.set("inner.example", ["192.168.7.7"]);
    bench.names.set("own.example", ["198.51.100.9"]);
    const { path, listener } = await bench.listen({ ownAddresses: () => new Set(["198.51.100.9"]) });
    const answers = [await converse(path, connectTo(authority))];
    // Without a port, a URL means port 80 and is a good target.
    if (authority !== "example.org") answers.push(await converse(path, get(`http://${authority}/`)));
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
      expect(answer).toMatch(/content-type: text\/plain; charset=utf-8\r\n/i);
      expect(answer.split("\r\n\r\n")[1]).toMatch(/was refused: .+\. .+\.\n$/s);
      expect(answer).not.toContain("192.168.7.7");
    }
    expect(bench.dialled).toEqual([]);
    expect(listener.counters()).toMatchObject({ refused: answers.length, allowed: 0 });
    expect(bench.logged.filter((line) => line.includes("egress refused"))).toHaveLength(answers.length);
  });

  it("is what the session's policy says at that moment", async () => {
    await bench.publicHttp((_req, res) => res.end("hello"));
    const session = { open: false };
    const { path } = await bench.listen(
      {},
      { policy: () => (session.open ? { kind: "public" } : { kind: "none" }) },
    );
    expect(await converse(path, get("http://one.example/"))).toMatch(
      /^HTTP\/1\.1 403 .*no access to the network/s,
    );
    session.open = true;
    expect(await converse(path, get("http://one.example/"))).toMatch(/^HTTP\/1\.1 200 .*hello/s);
  });
});

describe("marked connections", () => {
  async function privateEndpoint() {
    const seen: IncomingMessage[] = [];
    const port = await bench.publicHttp((req, res) => {
      seen.push(req);
      res.end("model");
    });
    bench.names.set("ollama.lan", ["127.0.0.1"]);
    const proxy = await bench.listen({ allowPrivate: [{ host: "ollama.lan", port }] });
    return { ...proxy, port, seen };
  }

  it("reach an allowed private endpoint, and the mark stays here", async () => {
    const { path, port, seen } = await privateEndpoint();
    expect(await converse(path, get(`http://ollama.lan:${port}/api`, MARK))).toMatch(
      /^HTTP\/1\.1 200 .*model/s,
    );
    expect(await converse(path, get(`http://OLLAMA.lan.:${port}/api`, MARK))).toMatch(
      /^HTTP\/1\.1 200 .*model/s,
    );
    expect(seen[0]?.url).toBe("/api");
    expect(seen[0]?.headers).not.toHaveProperty("proxy-authorization");
    const tunnel = await dialUnix(path);
    tunnel.write(connectTo(`ollama.lan:${port}`, MARK));
    await readUntil(tunnel, "\r\n\r\n");
    tunnel.write("GET /by-tunnel HTTP/1.1\r\nHost: ollama.lan\r\nConnection: close\r\n\r\n");
    expect(await readAll(tunnel)).toMatch(/model/);
  });

  it.each([
    ["no mark", []],
    ["a wrong mark", [`Proxy-Authorization: Bearer ${SECRET}x`]],
    ["another scheme", [`Proxy-Authorization: Basic ${SECRET}`]],
    ["the mark under another name", [`Authorization: Bearer ${SECRET}`]],
  ])("are not those with %s", async (_what, headers) => {
    const { path, port, seen } = await privateEndpoint();
    expect(await converse(path, get(`http://ollama.lan:${port}/`, ...headers))).toMatch(/^HTTP\/1\.1 403 /);
    expect(await converse(path, connectTo(`ollama.lan:${port}`, ...headers))).toMatch(/^HTTP\/1\.1 403 /);
    expect(seen).toEqual([]);
  });

  it("do not reach another port, another name of the same machine, or its address", async () => {
    const { path, port } = await privateEndpoint();
    bench.names.set("other.lan", ["127.0.0.1"]);
    for (const authority of [
      `ollama.lan:${port + 1}`,
      `other.lan:${port}`,
      `127.0.0.1:${port}`,
      `sub.ollama.lan:${port}`,
    ]) {
      bench.names.set("sub.ollama.lan", ["127.0.0.1"]);
      expect(await converse(path, connectTo(authority, MARK))).toMatch(/^HTTP\/1\.1 403 /);
    }
    expect(bench.dialled).toEqual([]);
  });

  it("are none while there is no secret", async () => {
    const port = await bench.publicHttp((_req, res) => res.end());
    bench.names.set("ollama.lan", ["127.0.0.1"]);
    const { path } = await bench.listen(
      { allowPrivate: [{ host: "ollama.lan", port }] },
      { egressSecret: () => null },
    );
    expect(await converse(path, get(`http://ollama.lan:${port}/`, MARK))).toMatch(/^HTTP\/1\.1 403 /);
    expect(
      await converse(path, get(`http://ollama.lan:${port}/`, "Proxy-Authorization: Bearer null")),
    ).toMatch(/ 403 /);
  });

  it("alone reach a provider's host, whatever the session's policy", async () => {
    await bench.publicHttp((_req, res) => res.end("completion"));
    const { path } = await bench.listen(
      {},
      { onlyMarked: new Set(["api.provider.example"]), policy: () => ({ kind: "none" }) },
    );
    expect(await converse(path, get("http://api.provider.example/", MARK))).toMatch(/completion/);
    expect(await converse(path, get("http://API.provider.example./"))).toMatch(
      /^HTTP\/1\.1 403 .*session's key/s,
    );
  });
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
    const upstream = new Promise<Socket>((resolve) => {
      void bench.publicTcp((socket) => socket.once("data", () => resolve(socket)));
    });
    await vi.waitFor(() => expect(bench.publicPort).toBeGreaterThan(0));
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

describe("CONNECT", () => {
  it("passes bytes both ways and counts them, those sent with the request included", async () => {
    await bench.publicTcp((socket) => socket.pipe(socket));
    const { path, listener } = await bench.listen();
    const socket = await dialUnix(path);
    socket.write(`${connectTo("one.example:443")}early`);
    expect(await readUntil(socket, "early")).toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\nearly$/);
    expect(listener.counters()).toEqual({ bytesUp: 5, bytesDown: 5, allowed: 1, refused: 0 });
    socket.end("late");
    expect(await readAll(socket)).toBe("late");
    expect(bench.dialled).toEqual([{ address: PUBLIC_ADDRESS, port: 443, allowHalfOpen: true }]);
    await vi.waitFor(() =>
      expect(listener.counters()).toEqual({ bytesUp: 9, bytesDown: 9, allowed: 1, refused: 0 }),
    );
  });

  it("lets one side finish while the other goes on", async () => {
    await bench.publicTcp((socket) => {
      // Says all it has only after the program has said that it is done.
      let asked = "";
      socket.on("data", (chunk: Buffer) => (asked += chunk.toString()));
      socket.on("end", () => socket.end(`answer to ${asked}`));
    });
    const { path } = await bench.listen();
    const socket = await dialUnix(path);
    socket.write(connectTo("one.example:443"));
    await readUntil(socket, "\r\n\r\n");
    socket.end("question");
    expect(await readAll(socket)).toBe("answer to question");
  });

  it("carries much without loss when one side is slow to read", async () => {
    const megabytes = 8;
    await bench.publicTcp((socket) => socket.end(Buffer.alloc(megabytes * 1024 * 1024, "a")));
    const { path, listener } = await bench.listen();
    const socket = await dialUnix(path);
    socket.write(connectTo("one.example:443"));
    socket.pause();
    await vi.waitFor(() => expect(listener.counters().bytesDown).toBeGreaterThan(0));
    // Nobody reads here, so the proxy must have stopped reading there.
    expect(listener.counters().bytesDown).toBeLessThan(4 * 1024 * 1024);
    socket.resume();
    const received = await readAll(socket);
    expect(received.length).toBe(
      "HTTP/1.1 200 Connection established\r\n\r\n".length + megabytes * 1024 * 1024,
    );
  });

  it("ends with whichever side breaks", async () => {
    const accepted: Socket[] = [];
    await bench.publicTcp((socket) => accepted.push(socket));
    const { path } = await bench.listen();
    for (const breaks of ["program", "upstream"]) {
      const socket = await dialUnix(path);
      socket.write(connectTo("one.example:443"));
      await readUntil(socket, "\r\n\r\n");
      const upstream = accepted.pop();
      if (upstream === undefined) throw new Error("no connection upstream");
      upstream.resume();
      socket.resume();
      const [breaker, other] = breaks === "program" ? [socket, upstream] : [upstream, socket];
      const ended = once(other, breaks === "program" ? "end" : "close");
      if (breaks === "program") breaker.destroy();
      else breaker.resetAndDestroy();
      await ended;
    }
  });

  it("tries the next address of a name when one does not answer", async () => {
    await bench.publicTcp((socket) => socket.end("second"));
    bench.names.set("two-addresses.example", ["203.0.113.1", PUBLIC_ADDRESS]);
    const { path } = await bench.listen({
      dial: ({ address }) => {
        bench.dialled.push({ address, port: 0, allowHalfOpen: true });
        // The first address leads to a port that nobody listens on.
        return connect(address === PUBLIC_ADDRESS ? bench.publicPort : 1, "127.0.0.1");
      },
    });
    expect(await converse(path, connectTo("two-addresses.example:443"))).toMatch(/second$/);
    expect(bench.dialled.map(({ address }) => address)).toEqual(["203.0.113.1", PUBLIC_ADDRESS]);
  });

  it("says 502 with a sentence when nobody listens there, or the name is not known", async () => {
    bench.publicPort = 1;
    const { path, listener } = await bench.listen();
    const refused = await converse(path, connectTo("one.example:443"));
    expect(refused).toMatch(
      /^HTTP\/1\.1 502 .*one\.example:443 did not take the connection \(ECONNREFUSED\)\. Check/s,
    );
    const unknown = await converse(path, connectTo("unknown.test:443"));
    expect(unknown).toMatch(
      /^HTTP\/1\.1 502 .*name unknown\.test could not be resolved \(ENOTFOUND\)\. Check/s,
    );
    expect(listener.counters()).toMatchObject({ allowed: 0, refused: 0 });
  });

  it("gives up names and addresses that say nothing", async () => {
    const limits = { connectTimeoutMs: 100 };
    const silentNames = await bench.listen({ limits, resolve: () => new Promise(() => {}) });
    expect(await converse(silentNames.path, connectTo("one.example:443"))).toMatch(
      / 502 .*no answer in time/s,
    );
    const silentHost = await bench.listen({ limits, dial: () => new Socket() });
    expect(await converse(silentHost.path, connectTo("one.example:443"))).toMatch(
      / 502 .*no answer in time/s,
    );
  });
});

describe("limits and the end", () => {
  it("refuses the connection above the limit with a sentence, and takes one again when another has gone", async () => {
    await bench.publicTcp((socket) => {
      socket.resume();
      socket.on("end", () => socket.end());
    });
    const { path } = await bench.listen({ limits: { maxConnections: 2 } });
    const held = [await dialUnix(path), await dialUnix(path)];
    for (const socket of held) {
      socket.write(connectTo("one.example:443"));
      await readUntil(socket, "200");
    }
    expect(await converse(path, connectTo("one.example:443"))).toMatch(
      /^HTTP\/1\.1 503 .*2 connections open/s,
    );
    held[0]?.destroy();
    await vi.waitFor(async () => {
      const socket = await dialUnix(path);
      socket.write(connectTo("one.example:443"));
      const answer = await readUntil(socket, "\r\n");
      socket.destroy();
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    });
  });

  it("closes a tunnel on which nothing moves, and a request that never comes", async () => {
    await bench.publicTcp(() => {});
    const { path } = await bench.listen({ limits: { idleTimeoutMs: 150 } });
    expect(await converse(path, connectTo("one.example:443"))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await converse(path, "GET http://one.ex")).toBe("");
  });

  it("survives programs that go away at every moment", async () => {
    await bench.publicHttp((_req, res) => res.end("hello"));
    const { path } = await bench.listen();
    const lines = [
      connectTo("one.example:443"),
      get("http://one.example/"),
      "POST http://one.example/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
    ];
    for (const line of lines) {
      for (let length = 0; length <= line.length; length += 7) {
        const socket = await dialUnix(path);
        if (length % 2 === 0) socket.end(line.slice(0, length));
        else socket.write(line.slice(0, length), () => socket.destroy());
      }
    }
    expect(await converse(path, get("http://one.example/"))).toMatch(/hello/);
  });

  it("close ends every connection, removes the file, and can be called again", async () => {
    const accepted: Socket[] = [];
    await bench.publicTcp((socket) => {
      socket.resume();
      accepted.push(socket);
    });
    const { path, listener } = await bench.listen();
    const tunnel = await dialUnix(path);
    tunnel.write(connectTo("one.example:443"));
    await readUntil(tunnel, "200");
    const idle = await dialUnix(path);
    const waiting = await dialUnix(path);
    waiting.write(get("http://one.example/"));
    await vi.waitFor(() => expect(accepted).toHaveLength(2));
    const ends = [tunnel, idle, waiting, ...accepted].map(async (socket) => {
      socket.resume();
      if (!socket.readableEnded) await once(socket, "end");
    });
    await Promise.all([listener.close(), listener.close()]);
    await Promise.all(ends);
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("close does not wait for a name or an address that says nothing", async () => {
    const { path, listener } = await bench.listen({ resolve: () => new Promise(() => {}) });
    const socket = await dialUnix(path);
    socket.write(connectTo("one.example:443"));
    await listener.close();
    expect(await readAll(socket)).toBe("");
  });
});

describe("the socket file", () => {
  const session = {
    sessionId: "ses_00000000",
    instanceId: "ins_00000000",
    policy: () => ({ kind: "public" }) as const,
    egressSecret: () => null,
    onlyMarked: new Set<string>(),
  };
  const log = { debug: () => {}, info: () => {}, warn: () => {} };

  it("is open to every uid and replaces what an earlier server left", async () => {
    const path = join(bench.dir, "egress.sock");
    const victim = join(bench.dir, "victim");
    await writeFile(victim, "untouched", { mode: 0o600 });
    const proxy = createEgressProxy({ allowPrivate: [], log });
    for (const leave of [() => writeFile(path, "stale"), () => symlink(victim, path)]) {
      await leave();
      const listener = await proxy.listen(path, session);
      expect((await stat(path)).mode & 0o777).toBe(0o666);
      expect((await stat(path)).isSocket()).toBe(true);
      await listener.close();
    }
    expect((await stat(victim)).mode & 0o777).toBe(0o600);
    expect((await stat(victim)).size).toBe("untouched".length);
  });

  it("is refused where a directory stands or the path is too long for a socket", async () => {
    const proxy = createEgressProxy({ allowPrivate: [], log });
    const path = join(bench.dir, "egress.sock");
    await mkdir(join(path, "of-the-agent"), { recursive: true });
    await expect(proxy.listen(path, session)).rejects.toThrow(/Restart the session/);
    expect((await stat(join(path, "of-the-agent"))).isDirectory()).toBe(true);
    await expect(proxy.listen(join(bench.dir, "x".repeat(100)), session)).rejects.toThrow(
      /OPENAGENT_DATA_DIR/,
    );
  });
});
