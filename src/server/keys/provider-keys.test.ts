import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { providerCredential } from "../../../sidecar/src/protocol";
import type { Caller } from "../auth/caller";
import { type ManualClock, manualClock } from "../clock.testing";
import { openDatabase, type OpenDatabase } from "../db/database";
import { providerKeys, type Role } from "../db/schema";
import { AppError } from "../errors";
import { bundledCatalog } from "../models/bundled-catalog";
import { MIGRATIONS_DIR } from "../project";
import { masterKeyOf } from "./master-key";
import { createProviderKeys, type KeyInput, type ProviderKeys } from "./provider-keys";

const catalog = bundledCatalog();
const canary = "sk-oa-canary-00112233445566778899aabbccddeeff";

function person(userId: string, role: Role = "member"): Caller {
  return {
    userId,
    email: `${userId}@example.com`,
    name: userId,
    role,
    via: { kind: "browser", loginSessionId: "lgn" },
  };
}
const alice = person("usr_alice");
const bob = person("usr_bob");
const carol = person("usr_carol", "admin");
const anthropic = (over: Partial<KeyInput> = {}): KeyInput => ({
  providerId: "anthropic",
  key: canary,
  scope: "me",
  ...over,
});

function reasonOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.reason;
  }
}

describe("provider keys", () => {
  let dataDir: string;
  let open: OpenDatabase;
  let keys: ProviderKeys;
  let unreadable: string[];
  let clock: ManualClock;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "oa-keys-"));
    open = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
    unreadable = [];
    clock = manualClock(Date.UTC(2026, 10, 23));
    keys = createProviderKeys({
      db: open.db,
      master: masterKeyOf(randomBytes(32)),
      catalog,
      clock,
      allowPrivate: [{ host: "127.0.0.1", port: 11434 }],
      onUnreadable: (key) => unreadable.push(key.id),
    });
  });
  afterEach(() => {
    open.close();
    rmSync(dataDir, { recursive: true });
  });
  const keyFor = (userId: string, providerId = "anthropic") =>
    keys.credentialsFor(userId).find((credential) => credential.providerId === providerId)?.key;

  it("stores a key that only its owner's sessions are given, in the shape of the wire", () => {
    const { id, hint } = keys.upsert(alice, anthropic());
    expect(hint).toBe("…eeff");
    const credentials = keys.credentialsFor("usr_alice");
    expect(credentials).toMatchObject([
      {
        providerId: "anthropic",
        key: canary,
        npm: "@ai-sdk/anthropic",
        baseUrl: "https://api.anthropic.com/v1",
        auth: { kind: "header", header: "x-api-key" },
      },
    ]);
    expect(credentials.map((credential) => providerCredential.parse(credential))).toEqual(credentials);
    expect(keys.credentialsFor("usr_bob")).toEqual([]);
    expect(keys.list(alice)).toMatchObject([{ id, scope: "me", hint: "…eeff" }]);
    expect(keys.list(bob)).toEqual([]);
  });

  it("never shows a key again, and writes none of it to disk", () => {
    keys.upsert(alice, anthropic());
    expect(JSON.stringify([keys.list(alice), keys.providersFor("usr_alice")])).not.toContain(
      canary.slice(0, 16),
    );
    for (const name of readdirSync(dataDir)) {
      expect(readFileSync(join(dataDir, name)).includes(canary.slice(0, 16)), name).toBe(false);
    }
  });

  it("replaces a key in its place", () => {
    const first = keys.upsert(alice, anthropic());
    clock.advance(60_000);
    const second = keys.upsert(alice, anthropic({ key: "sk-another-key-0123456789" }));
    expect(second.id).toBe(first.id);
    expect(keyFor("usr_alice")).toBe("sk-another-key-0123456789");
    expect(keys.list(alice)).toMatchObject([
      { createdAt: "2026-11-23T00:00:00.000Z", updatedAt: "2026-11-23T00:01:00.000Z" },
    ]);
  });

  it("gives a person's own key before the team's, and the team's to everybody else", () => {
    keys.upsert(carol, anthropic({ scope: "team", key: "sk-of-the-team-0123456789" }));
    clock.advance(1000);
    keys.upsert(alice, anthropic());
    expect(keyFor("usr_alice")).toBe(canary);
    expect(keyFor("usr_bob")).toBe("sk-of-the-team-0123456789");
    expect(keys.list(alice).map((key) => key.scope)).toEqual(["team", "me"]);
    expect(keys.credentialsFor("usr_alice")).toHaveLength(1);
  });

  it("lets admins alone set and remove keys of the team, and viewers none", () => {
    expect(reasonOf(() => keys.upsert(alice, anthropic({ scope: "team" })))).toBe("not_allowed");
    expect(reasonOf(() => keys.upsert(person("usr_v", "viewer"), anthropic()))).toBe("not_allowed");
    const { id } = keys.upsert(carol, anthropic({ scope: "team" }));
    expect(reasonOf(() => keys.remove(alice, id))).toBe("not_found");
    keys.remove(person("usr_o", "owner"), id);
    expect(keys.list(carol)).toEqual([]);
  });

  it("answers alike for another's key and for none", () => {
    const { id } = keys.upsert(alice, anthropic());
    expect(reasonOf(() => keys.remove(bob, id))).toBe("not_found");
    expect(reasonOf(() => keys.remove(carol, id))).toBe("not_found");
    expect(reasonOf(() => keys.remove(alice, "key_none"))).toBe("not_found");
    keys.remove(alice, id);
    expect(keys.credentialsFor("usr_alice")).toEqual([]);
  });

  it("opens a key for whoever may remove it, and for nobody else", () => {
    const mine = keys.upsert(alice, anthropic());
    const team = keys.upsert(carol, anthropic({ scope: "team", key: "sk-of-the-team-0123456789" }));
    expect(keys.open(alice, mine.id)).toMatchObject({
      name: "Anthropic",
      key: canary,
      provider: { providerId: "anthropic" },
      isOwnEndpoint: false,
    });
    expect(keys.open(person("usr_o", "owner"), team.id).key).toBe("sk-of-the-team-0123456789");
    for (const [who, id] of [
      [bob, mine.id],
      [carol, mine.id],
      [alice, team.id],
      [alice, "key_none"],
    ] as const) {
      expect(
        reasonOf(() => keys.open(who, id)),
        `${who.userId} ${id}`,
      ).toBe("not_found");
    }
    open.db.update(providerKeys).set({ sealed: "oa1.x.y.z" }).where(eq(providerKeys.id, mine.id)).run();
    expect(keys.open(alice, mine.id).key).toBeNull();
    expect(unreadable).toEqual([mine.id]);
  });

  it("makes an OpenAI-compatible endpoint of a base URL, with the models that were named", () => {
    keys.upsert(alice, {
      providerId: "ollama",
      key: "none",
      scope: "me",
      baseUrl: "http://127.0.0.1:11434/v1/",
      name: "Ollama",
      models: ["qwen3:8b"],
    });
    expect(keys.credentialsFor("usr_alice")).toMatchObject([
      {
        providerId: "ollama",
        name: "Ollama",
        npm: "@ai-sdk/openai-compatible",
        baseUrl: "http://127.0.0.1:11434/v1",
        auth: { kind: "bearer" },
        models: [{ id: "qwen3:8b", toolCall: true }],
      },
    ]);
    expect(keys.list(alice)).toMatchObject([{ models: ["qwen3:8b"], hint: "…" }]);
  });

  it.each<[string, KeyInput, string]>([
    ["an unknown provider", { providerId: "nobody", key: "k", scope: "me" }, "bad_input"],
    [
      "the demo provider",
      { providerId: "demo", key: "k", scope: "me", baseUrl: "https://e.example.com", models: ["m"] },
      "bad_input",
    ],
    [
      "an endpoint without models",
      { providerId: "mine", key: "k", scope: "me", baseUrl: "https://e.example.com" },
      "bad_input",
    ],
    ["models without an endpoint", anthropic({ models: ["m"] }), "bad_input"],
    [
      "a private endpoint",
      { providerId: "mine", key: "k", scope: "me", baseUrl: "http://127.0.0.1:1/", models: ["m"] },
      "bad_endpoint",
    ],
  ])("refuses %s", (_, input, reason) => {
    expect(reasonOf(() => keys.upsert(alice, input))).toBe(reason);
    expect(keys.list(alice)).toEqual([]);
  });

  it("gives nobody a key whose row was swapped, moved or sent elsewhere, and reports it", () => {
    const mine = keys.upsert(alice, anthropic());
    const theirs = keys.upsert(bob, anthropic({ key: "sk-of-bob-0123456789abc" }));
    const sealedOf = (id: string) =>
      open.db.select().from(providerKeys).where(eq(providerKeys.id, id)).get()?.sealed ?? "";
    const [a, b] = [sealedOf(mine.id), sealedOf(theirs.id)];
    const set = (id: string, row: Partial<typeof providerKeys.$inferInsert>) =>
      open.db.update(providerKeys).set(row).where(eq(providerKeys.id, id)).run();

    set(mine.id, { sealed: b });
    set(theirs.id, { sealed: a });
    expect([keys.credentialsFor("usr_alice"), keys.credentialsFor("usr_bob")]).toEqual([[], []]);
    expect(unreadable).toEqual([mine.id, theirs.id]);

    set(theirs.id, { sealed: b });
    set(mine.id, { sealed: a, baseUrl: "https://evil.example.com" });
    expect(keys.credentialsFor("usr_alice")).toEqual([]);
    set(mine.id, { baseUrl: null });
    expect(keyFor("usr_alice")).toBe(canary);
    set(mine.id, { scopeOwner: "usr_mallory" });
    expect(keys.credentialsFor("usr_mallory")).toEqual([]);
  });
});
