import { type IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  connectTo,
  converse,
  dialUnix,
  EgressBench,
  get,
  MARK,
  PUBLIC_ADDRESS,
  readAll,
  readUntil,
  SECRET,
} from "./egress-test-bench";
import { ownNetworks } from "./own-networks";

const OWN = ownNetworks([
  { address: "130.149.7.10", cidr: "130.149.7.10/24" },
  { address: "2a02:8071:1234:5678::10", cidr: "2a02:8071:1234:5678::10/64" },
]);

let bench: EgressBench;
beforeEach(async () => {
  bench = await EgressBench.make();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

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
    "neighbour.example:80",
    "[2a02:8071:1234:5678::1]:80",
    "example.org:0",
    "example.org:65536",
    "example.org",
    "user@one.example:80",
  ])("%s, by CONNECT and by plain HTTP, without a connection to anywhere", async (authority) => {
    bench.names.set("localhost", ["127.0.0.1", "::1"]);
    bench.names.set("rebinding.example", [PUBLIC_ADDRESS, "127.0.0.1"]);
    bench.names.set("inner.example", ["192.168.7.7"]);
    bench.names.set("own.example", ["130.149.7.10"]);
    bench.names.set("neighbour.example", ["130.149.7.200"]);
    const { path, listener } = await bench.listen({ ownNetworks: () => OWN });
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

  it("reach an allowed endpoint that is a neighbour by a public address", async () => {
    const { port } = await privateEndpoint();
    bench.names.set("gpu.example.org", [PUBLIC_ADDRESS]);
    const near = ownNetworks([{ address: "203.0.112.2", cidr: "203.0.112.2/22" }]);
    const closed = await bench.listen({ ownNetworks: () => near });
    expect(await converse(closed.path, connectTo(`gpu.example.org:${port}`, MARK))).toMatch(
      /^HTTP\/1\.1 403 .*a neighbour/s,
    );
    const open = await bench.listen({
      ownNetworks: () => near,
      allowPrivate: [{ host: "gpu.example.org", port }],
    });
    expect(await converse(open.path, get(`http://gpu.example.org:${port}/`, MARK))).toMatch(/model/);
    expect(await converse(open.path, get(`http://gpu.example.org:${port}/`))).toMatch(/^HTTP\/1\.1 403 /);
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
