import { once } from "node:events";
import { connect, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  connectTo,
  converse,
  dialUnix,
  EgressBench,
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
    await expect
      .poll(() => listener.counters())
      .toEqual({ bytesUp: 9, bytesDown: 9, allowed: 1, refused: 0 });
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
    await expect.poll(() => listener.counters().bytesDown).toBeGreaterThan(0);
    const other = await dialUnix(path);
    other.write(connectTo("one.example:443"));
    expect((await readAll(other)).length).toBeGreaterThan(megabytes * 1024 * 1024);
    // While all of that went through beside it: nobody reads here, so the proxy must have stopped reading there.
    expect(listener.counters().bytesDown).toBeLessThan((megabytes + 4) * 1024 * 1024);
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
      await expect.poll(() => accepted).toHaveLength(1);
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
