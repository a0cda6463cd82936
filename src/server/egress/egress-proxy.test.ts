import { once } from "node:events";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEgressProxy } from "./egress-proxy";
import {
  connectTo,
  converse,
  dialUnix,
  EgressBench,
  get,
  MARK,
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
    const firstLine = async () => {
      const socket = await dialUnix(path);
      socket.write(connectTo("one.example:443"));
      const answer = await readUntil(socket, "\r\n");
      socket.destroy();
      return answer;
    };
    await expect.poll(firstLine).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("lets a marked connection through when programs have used up theirs, and when many say nothing", async () => {
    await bench.publicTcp((socket) => void socket.resume());
    const { path } = await bench.listen({ limits: { maxConnections: 2, reservedForMarked: 1 } });
    const tunnel = async (...headers: string[]) => {
      const socket = await dialUnix(path);
      socket.write(connectTo("one.example:443", ...headers));
      return (await readUntil(socket, "\r\n")).split(" ")[1];
    };
    const silent = await dialUnix(path);
    const closed = once(silent, "close");
    silent.resume();
    for (let count = 0; count < 600; count += 1) await dialUnix(path);
    await closed;
    const answers = [await tunnel(), await tunnel(), await tunnel(), await tunnel(MARK), await tunnel(MARK)];
    expect(answers).toEqual(["200", "200", "503", "200", "503"]);
  });

  it("closes a tunnel on which nothing moves, and a request that never comes", async () => {
    await bench.publicTcp(() => {});
    const { path } = await bench.listen({ limits: { idleTimeoutMs: 150 } });
    // The proxy alone ends a conversation here. On a busy machine it may do so before it has dialled: then once more.
    await expect.poll(() => converse(path, connectTo("one.example:443"))).toMatch(/^HTTP\/1\.1 200 /);
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
    await expect.poll(() => accepted).toHaveLength(2);
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
