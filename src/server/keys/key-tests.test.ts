import { randomBytes } from "node:crypto";
import type { RequestListener, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testDatabase, type TestDatabase } from "../db/testing";
import { providerKeys } from "../db/schema";
import type { HostPort } from "../egress/parse-host-port";
import { bundledCatalog } from "../models/bundled-catalog";
import { createKeyTests, type KeyTests, type KeyTestsDeps } from "./key-tests";
import { masterKeyOf } from "./master-key";
import { createProviderKeys, type ProviderKeys } from "./provider-keys";
import { json, ProviderBench, PUBLIC_ADDRESS, threeModels } from "./provider-stand-in.testing";
import { person } from "./rotation-bench.testing";

const KEY = "sk-oa-canary-00112233445566778899aabbccddeeff";
const alice = person("usr_alice");
describe("a test of a key", () => {
  let t: TestDatabase;
  let bench: ProviderBench;
  /** What OPENAGENT_ALLOW_PRIVATE says; changed in place. */
  let allowPrivate: HostPort[];
  let keys: ProviderKeys;
  let tests: KeyTests;
  beforeEach(() => {
    t = testDatabase();
    bench = new ProviderBench();
    allowPrivate = [];
    const master = masterKeyOf(randomBytes(32));
    keys = createProviderKeys({ ...t, master, catalog: bundledCatalog(), allowPrivate });
    tests = keyTests();
  });
  afterEach(async () => {
    await bench[Symbol.asyncDispose]();
    t[Symbol.dispose]();
  });

  const keyTests = (over: Partial<KeyTestsDeps> = {}) =>
    createKeyTests({
      keys,
      clock: t.clock,
      allowPrivate,
      connect: bench.connections(allowPrivate),
      deadlineMs: 30_000,
      ...over,
    });
  /** An endpoint of Alice's on this machine, which the administrator allowed. @returns the key's id */
  function ownEndpoint({ port }: { port: number }, key = KEY): string {
    allowPrivate.push({ host: "127.0.0.1", port });
    const baseUrl = `http://127.0.0.1:${port}/v1`;
    return keys.upsert(alice, { providerId: "mine", name: "Mine", key, scope: "me", baseUrl, models: ["m"] })
      .id;
  }
  const resultOf = async (answer: RequestListener) =>
    tests.test(alice, ownEndpoint(await bench.http(answer)));

  describe("says what the provider's answer means", () => {
    it("counts the models, with one request that carries the key and keeps nothing open", async () => {
      const server = await bench.http(threeModels);
      expect(await tests.test(alice, ownEndpoint(server))).toEqual({ ok: true, models: 3 });
      expect(server.requests).toMatchObject([
        {
          method: "GET",
          url: "/v1/models",
          headers: { authorization: `Bearer ${KEY}`, connection: "close", host: `127.0.0.1:${server.port}` },
        },
      ]);
      expect(server.connections).toBe(1);
    });

    it.each([
      ["Google's and Cohere's", { models: [{}, {}] }, 2],
      ["Together's", [{}], 1],
      ["an empty", { data: [] }, 0],
    ])("understands %s list", async (_, body, models) => {
      expect(await resultOf(json(200, body))).toEqual({ ok: true, models });
    });

    it.each<[string, RequestListener, string, RegExp]>([
      ["401", json(401, {}), "refused", /does not accept this key/],
      ["403", json(403, {}), "refused", /rights/],
      ["429", json(429, {}), "rate_limited", /Wait a minute/],
      ["402", json(402, {}), "provider_error", /402/],
      ["500", json(500, {}), "provider_error", /Try again/],
      ["503", json(503, {}), "provider_error", /503/],
      ["404", json(404, {}), "not_an_api", /base URL/],
      ["400", json(400, {}), "not_an_api", /base URL/],
      ["a web page", (_, res) => void res.end("<html>hello</html>"), "not_an_api", /base URL/],
      ["other JSON", json(200, { hello: "world" }), "not_an_api", /base URL/],
      ["a list of something in an object", json(200, { data: "no list" }), "not_an_api", /base URL/],
      [
        "a compressed answer",
        (_, res) => void res.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("{}")),
        "provider_error",
        /compressed/,
      ],
      [
        "an answer that breaks off",
        (_, res) => {
          res.writeHead(200, { "content-length": "100" });
          res.write('{"data":[', () => res.destroy());
        },
        "provider_error",
        /broke off/,
      ],
    ])("%s", async (_, answer, reason, message) => {
      const result = await resultOf(answer);
      expect(result).toMatchObject({ ok: false, reason });
      expect(result).toHaveProperty("message", expect.stringMatching(message));
    });

    it("quotes the provider's own words", async () => {
      const words = "Your organisation\u0000\nis disabled. ".repeat(40);
      const result = await resultOf(json(401, { error: { message: words } }));
      if (result.ok) throw new Error("it passed");
      expect(result.detail).toMatch(/^status 401: Your organisation is disabled\. Your/);
      expect(result.detail?.length).toBeLessThan(330);
    });

    it("quotes them without the key that they repeat", async () => {
      const message = `Incorrect API key provided: ${KEY}. Find yours at https://provider.example.`;
      expect(await resultOf(json(401, { error: { message } }))).toMatchObject({
        detail: "status 401: Incorrect API key provided: [redacted]. Find yours at https://provider.example.",
      });
    });

    it("something else than HTTP, and nothing at all", async () => {
      const ssh = await bench.tcp((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
      expect(await tests.test(alice, ownEndpoint(ssh))).toMatchObject({ reason: "not_an_api" });
      const mute = await bench.tcp((socket) => socket.destroy());
      expect(await tests.test(alice, ownEndpoint(mute))).toMatchObject({ reason: "unreachable" });
      const gone = await bench.http(threeModels);
      await bench[Symbol.asyncDispose]();
      expect(await tests.test(alice, ownEndpoint(gone))).toMatchObject({
        reason: "unreachable",
        message: expect.stringContaining("ECONNREFUSED") as unknown,
      });
    });
  });

  describe("is bounded", () => {
    it.each<[string, RequestListener]>([
      ["before its answer", () => undefined],
      ["in the middle of its answer", (_, res) => void res.writeHead(200).write('{"data":[')],
    ])("in time, for a provider that falls silent %s", async (_, answer) => {
      const id = ownEndpoint(await bench.http(answer));
      expect(await keyTests({ deadlineMs: 200 }).test(alice, id)).toMatchObject({
        reason: "unreachable",
        message: expect.stringContaining("did not answer within 0.2 seconds") as unknown,
      });
    });

    it("in time, for a name that nobody answers for", async () => {
      const connect: KeyTestsDeps["connect"] = (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("late"))));
      const id = ownEndpoint({ port: 1 });
      expect(await keyTests({ connect, deadlineMs: 50 }).test(alice, id)).toMatchObject({
        reason: "unreachable",
      });
    });

    it("in size: an answer without end is given up, and its connection closed", async () => {
      const answers: ServerResponse[] = [];
      const result = await resultOf((_, res) => {
        answers.push(res);
        const more = () => {
          while (!res.destroyed && res.write("[".repeat(64 * 1024)));
        };
        res.on("drain", more).writeHead(200);
        more();
      });
      expect(result).toMatchObject({
        reason: "provider_error",
        message: expect.stringContaining("longer") as unknown,
      });
      await expect.poll(() => answers.map(({ destroyed }) => destroyed)).toEqual([true]);
    });

    it("in number: ten a minute for each person", async () => {
      const server = await bench.http(threeModels);
      const id = ownEndpoint(server);
      for (let at = 0; at < 10; at += 1) await tests.test(alice, id);
      await expect(tests.test(alice, id)).rejects.toMatchObject({ reason: "throttled" });
      expect(server.requests).toHaveLength(10);
      await expect(tests.test(person("usr_bob"), id)).rejects.toMatchObject({ reason: "not_found" });
      t.clock.advance(60_001);
      expect(await tests.test(alice, id)).toMatchObject({ ok: true });
    });
  });

  describe("sends the key nowhere else", () => {
    it("follows no redirect", async () => {
      const elsewhere = await bench.http(threeModels);
      const to = `http://127.0.0.1:${elsewhere.port}/v1/models`;
      allowPrivate.push({ host: "127.0.0.1", port: elsewhere.port });
      for (const status of [301, 302, 307, 308]) {
        const result = await resultOf((_, res) => void res.writeHead(status, { location: to }).end());
        expect(result).toMatchObject({
          reason: "not_an_api",
          message: expect.stringContaining("redirect") as unknown,
        });
      }
      expect(elsewhere.connections).toBe(0);
    });

    it("takes an answer in another protocol for none", async () => {
      const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
      const result = await resultOf((req) => void req.socket.write(switched));
      expect(result).toMatchObject({ ok: false, reason: "unreachable" });
    });

    it("not to a private endpoint that is not allowed any more", async () => {
      const server = await bench.http(threeModels);
      const id = ownEndpoint(server);
      allowPrivate.length = 0;
      expect(await tests.test(alice, id)).toMatchObject({
        reason: "blocked",
        message: expect.stringContaining("OPENAGENT_ALLOW_PRIVATE") as unknown,
      });
      expect(server.connections).toBe(0);
      expect(bench.dialled).toEqual([]);
    });

    it("not in clear to a public address, when the name was a private one at the time", async () => {
      const name = "models.example.com";
      allowPrivate.push({ host: name, port: 80 });
      const baseUrl = `http://${name}/v1`;
      const input = { providerId: "mine", key: KEY, scope: "me" as const, baseUrl, models: ["m"] };
      const { id } = keys.upsert(alice, input);
      allowPrivate.length = 0;
      expect(await tests.test(alice, id)).toMatchObject({
        reason: "blocked",
        message: expect.stringContaining("in clear") as unknown,
      });
      expect(bench.dialled).toEqual([]);
    });

    it.each([
      ["loopback", ["127.0.0.1"]],
      ["a mapped loopback", ["::ffff:127.0.0.1"]],
      ["the metadata service", ["169.254.169.254"]],
      ["a private network", ["10.0.0.7"]],
      ["a public and a private address", [PUBLIC_ADDRESS, "192.168.1.1"]],
    ])("not to a public name that leads to %s", async (_, addresses) => {
      bench.names.set("models.example.com", addresses);
      const baseUrl = "https://models.example.com/v1";
      const input = { providerId: "mine", key: KEY, scope: "me" as const, baseUrl, models: ["m"] };
      const result = await tests.test(alice, keys.upsert(alice, input).id);
      expect(result).toMatchObject({ reason: "blocked" });
      expect(bench.asked).toEqual(["models.example.com"]);
      expect(bench.dialled).toEqual([]);
    });

    it("not when its row was changed in the database", async () => {
      const server = await bench.http(threeModels);
      const id = ownEndpoint(server);
      const evil = await bench.http(threeModels);
      allowPrivate.push({ host: "127.0.0.1", port: evil.port });
      const row = { baseUrl: `http://127.0.0.1:${evil.port}/v1` };
      t.db.update(providerKeys).set(row).where(eq(providerKeys.id, id)).run();
      expect(await tests.test(alice, id)).toMatchObject({
        reason: "unreadable",
        message: expect.stringContaining("Enter it again") as unknown,
        detail: null,
      });
      expect([server.connections, evil.connections]).toEqual([0, 0]);
    });

    it.each<[string, (authorization: string) => unknown]>([
      ["as it is", (text) => ({ error: { message: `Incorrect API key provided: ${text}.` } })],
      ["in part", (text) => ({ error: { message: `Incorrect API key: ${text.slice(0, 30)}…` } })],
      ["in part at the end", (text) => ({ message: `Incorrect API key: …${text.slice(-14)}` })],
      ["in a string", (text) => ({ error: `${text}` })],
      ["twice encoded", (text) => ({ detail: JSON.stringify({ you: JSON.stringify({ sent: text }) }) })],
      ["in a list of models", (text) => ({ data: [text, { id: text }] })],
      ["in what is no list", (text) => ({ data: text, message: text })],
      ["where the quote is cut", (text) => ({ message: `${"x".repeat(280)}${text}` })],
    ])("not back to the caller, when the provider echoes it %s", async (_, body) => {
      for (const key of [KEY, `${KEY}/+="'`]) {
        for (const status of [200, 401, 500]) {
          const server = await bench.http((req, res) => {
            json(status, body(req.headers.authorization ?? ""))(req, res);
          });
          const shown = JSON.stringify(await tests.test(person("usr_alice"), ownEndpoint(server, key)));
          expect(server.requests).toHaveLength(1);
          for (let at = 0; at + 12 <= key.length; at += 1) {
            expect(shown).not.toContain(key.slice(at, at + 12));
          }
        }
      }
    });

    it("not to a provider of which only a prompt would tell", async () => {
      const { id } = keys.upsert(alice, { providerId: "nvidia", key: KEY, scope: "me" });
      expect(await tests.test(alice, id)).toMatchObject({ ok: false, reason: "untestable" });
      expect([bench.asked, bench.dialled]).toEqual([[], []]);
    });
  });

  it("is for the key's owner, the team's for admins, and for everyone else there is no such key", async () => {
    const server = await bench.http(threeModels);
    const mine = ownEndpoint(server);
    const baseUrl = `http://127.0.0.1:${server.port}/v1`;
    const input = { providerId: "ours", key: KEY, scope: "team" as const, baseUrl, models: ["m"] };
    const team = keys.upsert(person("usr_carol", "admin"), input).id;
    for (const [who, id] of [
      [person("usr_bob"), mine],
      [person("usr_carol", "admin"), mine],
      [person("usr_o", "owner"), mine],
      [alice, team],
      [person("usr_v", "viewer"), team],
      [alice, "key_none"],
    ] as const) {
      const refused = tests.test(who, id);
      await expect(refused, `${who.userId} ${id}`).rejects.toMatchObject({
        code: "NOT_FOUND",
        reason: "not_found",
      });
    }
    expect(server.connections).toBe(0);
    for (const who of [person("usr_dora", "admin"), person("usr_o", "owner")]) {
      expect(await tests.test(who, team)).toMatchObject({ ok: true });
    }
    expect(await tests.test(alice, mine)).toMatchObject({ ok: true });
  });
});
