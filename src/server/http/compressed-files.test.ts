import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompressedFiles } from "./compressed-files";

const SCRIPT = "export const a = 1;".repeat(100);
let folder: string;
let server: Server;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "openagent-static-"));
  mkdirSync(join(folder, "chunks"));
  writeFileSync(join(folder, "chunks/a.js"), SCRIPT);
  writeFileSync(join(folder, "chunks/a.js.br"), brotliCompressSync(SCRIPT));
  writeFileSync(join(folder, "chunks/secret.json.br"), "not one of the kinds");
  const handle = createCompressedFiles({
    folder,
    prefix: "/_next/static",
    otherwise: (_req, res) => void res.end("otherwise"),
  });
  server = createServer((req, res) => {
    const pathname = req.url ?? "/";
    void handle(req, res, { requestId: "r", ip: "127.0.0.1", pathname, log: pino({ level: "silent" }) });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function ask(path: string, encoding?: string, method = "GET") {
  const { port } = server.address() as AddressInfo;
  const headers = encoding === undefined ? {} : { "accept-encoding": encoding };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, method, headers }, resolve).on("error", reject).end();
  });
  const chunks = (await answer.toArray()) as Buffer[];
  return { headers: answer.headers, body: Buffer.concat(chunks) };
}

describe("compressed files of the pages", () => {
  it("come as the build compressed them, to be kept for ever", async () => {
    const { headers, body } = await ask("/_next/static/chunks/a.js", "gzip, deflate, br, zstd");
    expect(headers).toMatchObject({
      "content-encoding": "br",
      "content-type": "application/javascript; charset=UTF-8",
      "cache-control": "public, max-age=31536000, immutable",
      vary: "Accept-Encoding",
      "content-length": String(body.length),
    });
    expect(brotliDecompressSync(body).toString()).toBe(SCRIPT);
  });

  it("have no body when only the head is asked for", async () => {
    const { headers, body } = await ask("/_next/static/chunks/a.js", "br", "HEAD");
    expect(headers["content-encoding"]).toBe("br");
    expect(body).toHaveLength(0);
  });

  it("are left to another for what is no reading", async () => {
    expect((await ask("/_next/static/chunks/a.js", "br", "POST")).body.toString()).toBe("otherwise");
  });

  it.each([undefined, "gzip", "br;q=0, gzip", "br; q=0.000", "brx"])(
    "are left to another for a client that takes %s",
    async (encoding) => {
      expect((await ask("/_next/static/chunks/a.js", encoding)).body.toString()).toBe("otherwise");
    },
  );

  it.each([
    "/_next/static/chunks/b.js",
    "/_next/static/chunks/a.js.br",
    "/_next/static/chunks/secret.json",
    "/_next/static/../static/chunks/a.js",
    "/_next/static/",
  ])("are no others than these: %s", async (path) => {
    expect((await ask(path, "br")).body.toString()).toBe("otherwise");
  });
});
