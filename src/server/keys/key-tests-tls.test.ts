import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testDatabase, type TestDatabase } from "../db/testing";
import { bundledCatalog } from "../models/bundled-catalog";
import { createKeyTests } from "./key-tests";
import { masterKeyOf } from "./master-key";
import { createProviderKeys, type ProviderKeys } from "./provider-keys";
import {
  json,
  makeCertificate,
  ProviderBench,
  PUBLIC_ADDRESS,
  threeModels,
} from "./provider-stand-in.testing";
import { person } from "./rotation-bench.testing";

const KEY = "sk-oa-canary-00112233445566778899aabbccddeeff";
const alice = person("usr_alice");
const HOSTS = ["api.anthropic.com", "generativelanguage.googleapis.com", "openrouter.ai", "api.openai.com"];
const certificate = makeCertificate(HOSTS);

describe.skipIf(certificate === null)("a test of a key over TLS", () => {
  let t: TestDatabase;
  let bench: ProviderBench;
  let keys: ProviderKeys;
  beforeEach(() => {
    t = testDatabase();
    bench = new ProviderBench();
    const master = masterKeyOf(randomBytes(32));
    keys = createProviderKeys({ ...t, master, catalog: bundledCatalog(), allowPrivate: [] });
  });
  afterEach(async () => {
    await bench[Symbol.asyncDispose]();
    t[Symbol.dispose]();
  });

  async function ask(providerId: string, answer: RequestListener, opts: { trusted?: boolean } = {}) {
    const { key, cert } = certificate ?? { key: "", cert: "" };
    const server = await bench.https({ key, cert }, answer);
    bench.publicPort = server.port;
    const tests = createKeyTests({
      keys,
      clock: t.clock,
      allowPrivate: [],
      connect: bench.connections([]),
      deadlineMs: 30_000,
      ...(opts.trusted === false ? {} : { ca: cert }),
    });
    const { id } = keys.upsert(alice, { providerId, key: KEY, scope: "me" });
    return { result: await tests.test(alice, id), server };
  }

  it.each([
    ["anthropic", "/v1/models?limit=1000", { "x-api-key": KEY, "anthropic-version": "2023-06-01" }],
    ["google", "/v1beta/models?pageSize=1000", { "x-goog-api-key": KEY }],
    ["openai", "/v1/models", { authorization: `Bearer ${KEY}` }],
  ])("asks %s in its own way, at the address that was checked", async (providerId, url, headers) => {
    const { result, server } = await ask(providerId, threeModels);
    expect(result).toEqual({ ok: true, models: 3 });
    expect(server.requests).toMatchObject([{ method: "GET", url, headers }]);
    expect(bench.asked).toHaveLength(1);
    expect(bench.dialled).toMatchObject([{ address: PUBLIC_ADDRESS, port: 443 }]);
    expect(server.requests[0]?.headers.host).toBe(bench.asked[0]);
  });

  it("asks OpenRouter about the key, which its public list of models says nothing of", async () => {
    const answer: RequestListener = (req, res) => {
      const isKnown =
        req.url === "/api/v1/key" && req.headers.authorization === "Bearer sk-or-known-0123456789";
      json(req.url === "/api/v1/models" || isKnown ? 200 : 401, { data: { label: "k" } })(req, res);
    };
    expect((await ask("openrouter", answer)).result).toMatchObject({ ok: false, reason: "refused" });
    const passes = await ask("openrouter", json(200, { data: { label: "k", limit: null } }));
    expect(passes.result).toEqual({ ok: true, models: null });
  });

  it("takes a 400 of a known provider for a refused key, as Google answers a wrong one", async () => {
    const body = { error: { code: 400, message: "API key not valid.", status: "INVALID_ARGUMENT" } };
    expect((await ask("google", json(400, body))).result).toMatchObject({
      reason: "refused",
      detail: "status 400: API key not valid.",
    });
    expect((await ask("google", json(404, {}))).result).toMatchObject({ reason: "provider_error" });
  });

  it("reads a compressed or endless answer no further, and the process goes on", async () => {
    const packed: RequestListener = (_, res) => {
      res.writeHead(200, { "content-encoding": "gzip" });
      res.write(gzipSync(randomBytes(4 * 1024 * 1024)));
    };
    expect((await ask("openai", packed)).result).toMatchObject({ reason: "provider_error" });
    const endless: RequestListener = (_, res) => void res.write("[".repeat(4 * 1024 * 1024));
    expect((await ask("openai", endless)).result).toMatchObject({ reason: "provider_error" });
  });

  it("sends no key to a host whose certificate is not trusted or is another's", async () => {
    const untrusted = await ask("openai", threeModels, { trusted: false });
    const another = await ask("groq", threeModels);
    for (const { result, server } of [untrusted, another]) {
      expect(result).toMatchObject({
        reason: "unreachable",
        message: expect.stringContaining("EXTRA_CA_FILE") as unknown,
      });
      expect(server.connections).toBe(1);
      expect(server.requests).toEqual([]);
    }
  });
});
