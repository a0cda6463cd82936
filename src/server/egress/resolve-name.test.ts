import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostsFileAddresses, privateNames, publicNames } from "./resolve-name";

const HOSTS = `
# comment
127.0.0.1   localhost  # ours
::1         localhost ip6-localhost
2001:db8::7 Build.example build
192.0.2.7   build.example
not-an-address build.example
`;

describe("hostsFileAddresses", () => {
  it("finds names without regard to case, IPv4 first", () => {
    expect(hostsFileAddresses(HOSTS, "build.example")).toEqual(["192.0.2.7", "2001:db8::7"]);
    expect(hostsFileAddresses(HOSTS, "localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(hostsFileAddresses(HOSTS, "ours")).toEqual([]);
    expect(hostsFileAddresses("", "x")).toEqual([]);
  });
});

/** A name server on loopback: A records of a table; no such name for the rest; silent for names under `silent.`. */
class NameServer {
  readonly asked: string[] = [];
  private constructor(
    private readonly socket: Socket,
    readonly address: string,
  ) {}

  static async start(table: Record<string, number[]>): Promise<NameServer> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const server = new NameServer(socket, `127.0.0.1:${socket.address().port}`);
    socket.on("message", (query, from) => {
      const name = questionName(query);
      const type = query.readUInt16BE(12 + name.length + 2);
      server.asked.push(name);
      if (!name.endsWith("silent"))
        socket.send(answer(query, type === 1 ? (table[name] ?? null) : null, name in table), from.port);
    });
    return server;
  }

  stop(): void {
    this.socket.close();
  }
}

function questionName(query: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; query[at] !== 0 && at < query.length; at += 1 + (query[at] ?? 0)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + (query[at] ?? 0)));
  }
  return labels.join(".");
}

function answer(query: Buffer, address: number[] | null, exists: boolean): Buffer {
  const question = query.subarray(12, 12 + questionName(query).length + 2 + 4);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(query.readUInt16BE(0), 0);
  head.writeUInt16BE(exists ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(address === null ? 0 : 1, 6);
  const record = address === null ? [] : [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address];
  return Buffer.concat([head, question, Buffer.from(record)]);
}

describe("publicNames", () => {
  let dir: string;
  let hostsFile: string;
  let dns: NameServer;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "oa-"));
    hostsFile = join(dir, "hosts");
    await writeFile(hostsFile, HOSTS);
    dns = await NameServer.start({ "public.example": [203, 0, 113, 9] });
  });
  afterEach(async () => {
    dns.stop();
    await rm(dir, { recursive: true });
  });
  const never = () => new AbortController().signal;

  it("asks the hosts file first and the name server for the rest", async () => {
    const resolve = publicNames({ hostsFile, servers: [dns.address] });
    expect(await resolve("build.example", never())).toEqual(["192.0.2.7", "2001:db8::7"]);
    expect(dns.asked).toEqual([]);
    expect(await resolve("public.example", never())).toEqual(["203.0.113.9"]);
  });

  it("rejects for a name that nobody knows, hosts file or none", async () => {
    const resolve = publicNames({ hostsFile: join(dir, "none"), servers: [dns.address] });
    await expect(resolve("unknown.example", never())).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  it("gives up a name server that says nothing when the signal aborts", async () => {
    const stop = new AbortController();
    const pending = publicNames({ hostsFile, servers: [dns.address] })("very.silent", stop.signal);
    const outcome = expect(pending).rejects.toMatchObject({ code: "ECANCELLED" });
    await expect.poll(() => dns.asked).toContain("very.silent");
    stop.abort();
    await outcome;
    await expect(publicNames({ hostsFile })("very.silent", stop.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("privateNames", () => {
  it("finds what this machine finds", async () => {
    expect(await privateNames("localhost", new AbortController().signal)).toContain("127.0.0.1");
  });
});
