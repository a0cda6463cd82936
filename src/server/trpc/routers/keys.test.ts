import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Caller } from "../../auth/caller";
import { testDatabase, type TestDatabase } from "../../db/testing";
import { masterKeyOf } from "../../keys/master-key";
import { createProviderKeys } from "../../keys/provider-keys";
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
  let services: Pick<Services, "keys" | "models">;
  beforeEach(() => {
    t = testDatabase();
    const catalog = bundledCatalog();
    const keys = createProviderKeys({
      ...t,
      master: masterKeyOf(randomBytes(32)),
      catalog,
      allowPrivate: [],
    });
    services = { keys, models: createModels({ catalog, keys }) };
  });
  afterEach(() => t[Symbol.dispose]());
  const as = (via: Caller["via"] | null) =>
    createCaller({
      caller: via && { userId: t.userId, email: "a@example.test", name: "A", role: "member", via },
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
    }
    await expect(as(null).keys.list()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(as(null).models.catalog()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    await expect(as(token(null)).models.catalog()).resolves.toBeTruthy();
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
