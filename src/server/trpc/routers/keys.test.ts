import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Caller } from "../../auth/caller";
import { composeKeys } from "../../compose-keys";
import { ROLES } from "../../db/schema";
import { testDatabase, type TestDatabase } from "../../db/testing";
import type { HostPort } from "../../egress/parse-host-port";
import { bundledCatalog } from "../../models/bundled-catalog";
import { createModels } from "../../models/models";
import type { Services } from "../../services";
import { createCallerFactory, router } from "../builders";
import { keysRouter } from "./keys";
import { modelsRouter } from "./models";

const createCaller = createCallerFactory(router({ keys: keysRouter, models: modelsRouter }));
const anthropic = { providerId: "anthropic", key: "sk-oa-canary-0123456789abcdef", scope: "me" } as const;
const browser: Caller["via"] = { kind: "browser", loginSessionId: "lgn_1" };
const token = (scopes: string[] | null): Caller["via"] => ({ kind: "token", tokenId: "tok_1", scopes });

describe("keys and models over tRPC", () => {
  let t: TestDatabase;
  let dir: string;
  let masterKeyFile: string;
  let allowPrivate: HostPort[];
  let services: Pick<Services, "keys" | "keyTests" | "masterKey" | "models">;
  beforeEach(() => {
    t = testDatabase();
    dir = mkdtempSync(join(tmpdir(), "oa-keys-"));
    masterKeyFile = join(dir, "master.key");
    allowPrivate = [];
    const catalog = bundledCatalog();
    const log = pino({ level: "silent" });
    const composed = composeKeys({ ...t, env: { masterKeyFile, allowPrivate }, catalog, log });
    const { providerKeys: keys, keyTests, masterKey } = composed;
    services = { keys, keyTests, masterKey, models: createModels({ catalog, keys }) };
  });
  afterEach(() => {
    t[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  });
  const as = (via: Caller["via"] | null, role: Caller["role"] = "member") =>
    createCaller({
      caller: via && { userId: t.userId, email: "a@example.test", name: "A", role, via },
      services: services as Services,
      requestId: "req",
      ip: "127.0.0.1",
      log: pino({ level: "silent" }),
    });

  it("stores, lists and removes a key, and never shows it", async () => {
    const api = as(browser);
    const { id } = await api.keys.upsert({ ...anthropic, key: ` ${anthropic.key}\n` });
    expect(services.keys.credentialsFor(t.userId)[0]?.key).toBe(anthropic.key);
    const shown = JSON.stringify([await api.keys.list(), await api.models.available()]);
    expect(shown).toContain(id);
    expect(shown).not.toContain("canary");
    expect((await api.models.available()).map((provider) => provider.providerId)).toEqual([
      "demo",
      "anthropic",
    ]);
    expect(await api.keys.remove({ id })).toEqual({ id });
    expect(await api.keys.list()).toEqual({ items: [], nextCursor: null });
  });

  it("lets a token at the keys only if it has the scope by name", async () => {
    await expect(as(token(["keys"])).keys.upsert(anthropic)).resolves.toMatchObject({
      providerId: "anthropic",
    });
    for (const via of [token(null), token([]), token(["sessions:read", "sessions:write"])]) {
      await expect(as(via).keys.upsert(anthropic)).rejects.toThrow(/token/);
      await expect(as(via).keys.list()).rejects.toThrow(/token/);
      await expect(as(via).keys.remove({ id: "key_1" })).rejects.toThrow(/token/);
      await expect(as(via).keys.test({ id: "key_1" })).rejects.toThrow(/token/);
      await expect(as(via, "owner").keys.rotateMaster()).rejects.toThrow(/token/);
    }
    await expect(as(null).keys.list()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(as(null).models.catalog()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(as(token(null)).models.catalog()).resolves.toBeTruthy();
  });

  describe("a test", () => {
    let server: Server;
    const seen: (string | undefined)[] = [];
    beforeEach(async () => {
      seen.length = 0;
      server = createServer((req, res) => {
        seen.push(req.headers.authorization);
        res.end(JSON.stringify({ data: [{ id: "m" }] }));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    });
    afterEach(() => new Promise((resolve) => server.close(resolve)));

    it("asks the endpoint with the stored key, and tells nothing of it", async () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      allowPrivate.push({ host: "127.0.0.1", port });
      const endpoint = { providerId: "mine", baseUrl: `http://127.0.0.1:${port}/v1`, models: ["m"] };
      const { id } = await as(browser).keys.upsert({ ...anthropic, ...endpoint });
      expect(await as(browser).keys.test({ id })).toEqual({ ok: true, models: 1 });
      expect(await as(token(["keys"])).keys.test({ id })).toEqual({ ok: true, models: 1 });
      expect(seen).toEqual([`Bearer ${anthropic.key}`, `Bearer ${anthropic.key}`]);
      allowPrivate.length = 0;
      expect(await as(browser).keys.test({ id })).toMatchObject({ ok: false, reason: "blocked" });
      expect(seen).toHaveLength(2);
    });

    it("is refused for a key that is not there, and for an input that is none", async () => {
      await expect(as(browser).keys.test({ id: "key_none" })).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(as(browser).keys.test({ id: "" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
      expect(seen).toEqual([]);
    });
  });

  it("changes the master key for owners alone", async () => {
    await as(browser).keys.upsert(anthropic);
    const before = readFileSync(masterKeyFile, "utf8");
    for (const role of ROLES.filter((role) => role !== "owner")) {
      for (const via of [browser, token(["keys"])]) {
        await expect(as(via, role).keys.rotateMaster(), role).rejects.toMatchObject({ code: "FORBIDDEN" });
      }
    }
    await expect(as(null).keys.rotateMaster()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(readFileSync(masterKeyFile, "utf8")).toBe(before);

    const answer = await as(browser, "owner").keys.rotateMaster();
    expect(answer).toEqual({
      rotated: 1,
      unreadable: 0,
      keyId: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown,
    });
    const after = readFileSync(masterKeyFile, "utf8");
    expect(after).not.toBe(before);
    expect(JSON.stringify(answer)).not.toContain(after.trim());
    expect(services.keys.credentialsFor(t.userId)[0]?.key).toBe(anthropic.key);
    await expect(as(token(["keys"]), "owner").keys.rotateMaster()).resolves.toMatchObject({ rotated: 1 });
  });

  it.each([
    ["an empty key", { key: "" }],
    ["a key with a space", { key: "two words" }],
    ["a key that would end the header", { key: "a\r\nx-evil: 1" }],
    ["a key without end", { key: "k".repeat(4097) }],
    ["a provider that is a path", { providerId: "../admin" }],
    ["a provider in capitals", { providerId: "A" }],
    ["a provider called __proto__", { providerId: "__proto__" }],
  ])("refuses %s before the service sees it", async (_, over) => {
    const upserted = as(browser).keys.upsert({ ...anthropic, ...over });
    await expect(upserted).rejects.toMatchObject({
      code: "BAD_REQUEST",
      cause: expect.objectContaining({ name: "ZodError" }) as unknown,
    });
  });

  it("knows no provider by the name of an object's own property", async () => {
    await expect(as(browser).keys.upsert({ ...anthropic, providerId: "constructor" })).rejects.toMatchObject({
      code: "BAD_REQUEST",
    });
  });
});
