import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createCredentialProxy } from "./credential-proxy";
import {
  EGRESS_SECRET,
  startTestEgress,
  TEST_KEY,
  testProvider,
  type TestEgress,
} from "./egress-proxy.testing";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

let directory: string;
let egress: TestEgress;
let upstream: https.Server;
let port: number;
let ca: string;
const seen: { servername: unknown; authorization: string | undefined }[] = [];

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "oa-tls-"));
  egress = await startTestEgress();
  if (!hasOpenssl) return;
  const [key, cert] = [path.join(directory, "key.pem"), path.join(directory, "cert.pem")];
  const subject = ["-subj", "/CN=api.acme.example", "-addext", "subjectAltName=DNS:api.acme.example"];
  spawnSync("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    cert,
    ...subject,
  ]);
  ca = readFileSync(cert, "utf8");
  upstream = https.createServer({ key: readFileSync(key), cert: ca }, (request, response) => {
    const servername = "servername" in request.socket ? request.socket.servername : undefined;
    seen.push({ servername, authorization: request.headers.authorization });
    response.end("secure");
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const address = upstream.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(async () => {
  upstream?.closeAllConnections();
  upstream?.close();
  await egress[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const ask = (host: string, trusted: boolean) =>
  createCredentialProxy({
    providers: () => [testProvider({ baseUrl: `https://${host}:${port}/v1` })],
    demo: { fetch: () => new Response() },
    egress: { socketPath: egress.socketPath, secret: () => EGRESS_SECRET, ...(trusted ? { ca } : {}) },
    log: { warn: () => undefined },
  }).fetch(new Request("http://proxy/acme/x"));

test.skipIf(!hasOpenssl)("speaks TLS through the tunnel, for the name in the table", async () => {
  const response = await ask("api.acme.example", true);
  expect(await response.text()).toBe("secure");
  expect(seen).toEqual([{ servername: "api.acme.example", authorization: `Bearer ${TEST_KEY}` }]);
});

test.skipIf(!hasOpenssl)(
  "sends no key to a host whose certificate is for another name or not trusted",
  async () => {
    seen.length = 0;
    for (const response of [await ask("other.example", true), await ask("api.acme.example", false)]) {
      expect(response.status).toBe(502);
      expect(await response.text()).toContain("Acme could not be reached");
    }
    expect(seen).toEqual([]);
  },
);
