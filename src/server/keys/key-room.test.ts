import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registrationPayload, sealedMessage } from "../../../sidecar/src/protocol";
import type { Caller } from "../auth/caller";
import { testDatabase, type TestDatabase } from "../db/testing";
import { bundledCatalog } from "../models/bundled-catalog";
import { demoCredential } from "../models/demo-provider";
import { PROVIDER_AUTH } from "../models/provider-auth";
import { MAX_KEYS_OF_OWNER } from "./key-room";
import { masterKeyOf } from "./master-key";
import { createProviderKeys, type KeyInput, type ProviderKeys } from "./provider-keys";

describe("what one session can be given", () => {
  let t: TestDatabase;
  let keys: ProviderKeys;
  let owner: Caller;
  beforeEach(() => {
    t = testDatabase();
    keys = createProviderKeys({
      db: t.db,
      master: masterKeyOf(randomBytes(32)),
      catalog: bundledCatalog(),
      clock: t.clock,
      allowPrivate: [],
    });
    owner = {
      userId: t.userId,
      email: "o@example.test",
      name: "O",
      role: "owner",
      via: { kind: "browser", loginSessionId: "lgn_1" },
    };
  });
  afterEach(() => t[Symbol.dispose]());

  const endpoint = (providerId: string, over: Partial<KeyInput> = {}) =>
    keys.upsert(owner, {
      providerId,
      key: "k",
      scope: "me",
      baseUrl: "https://m.example.test/v1",
      models: ["m"],
      ...over,
    });
  /** What is sealed for a session of the owner's, and whether its sidecar takes it. */
  const sidecarTakesIt = () => {
    const providers = [demoCredential(), ...keys.credentialsFor(t.userId)];
    const parsed = registrationPayload.safeParse({
      bearer: "b".repeat(128),
      egressSecret: "e".repeat(128),
      epoch: 1,
      held: null,
      providers,
      settings: {
        model: { providerId: "p".repeat(100), modelId: "m".repeat(200) },
        agent: "build",
        permissionMode: "ask",
        title: "\u0001".repeat(500),
      },
    });
    // HPKE adds a tag of 16 bytes; base64url makes four characters of three bytes.
    const sealedBytes = Math.ceil(((Buffer.byteLength(JSON.stringify(parsed.data)) + 16) * 4) / 3);
    return (
      parsed.success && sealedMessage.safeParse({ enc: "", ciphertext: "x".repeat(sealedBytes) }).success
    );
  };

  it("takes all of the catalogue, twice, and refuses one key more than a session can be given", () => {
    const known = Object.keys(PROVIDER_AUTH);
    for (const scope of ["me", "team"] as const) {
      for (const providerId of known) keys.upsert(owner, { providerId, key: "k".repeat(200), scope });
      for (let n = known.length; n < MAX_KEYS_OF_OWNER; n += 1) endpoint(`${scope}-${n}`, { scope });
      expect(() => endpoint(`${scope}-more`, { scope })).toThrow(
        "There are 49 keys here, and a session can be given no more. Remove one that nobody needs, then add this one.",
      );
    }
    expect(sidecarTakesIt()).toBe(true);
  });

  it("goes on to replace keys when there is no room for another, and has room again for one that is removed", () => {
    for (let n = 0; n < MAX_KEYS_OF_OWNER; n += 1) endpoint(`own-${n}`);
    const { id } = endpoint("own-7", { key: "another" });
    expect(() => endpoint("more")).toThrow("49 keys");
    keys.remove(owner, id);
    endpoint("more");
  });

  it.each([
    ["letters", "a"],
    ["letters of other scripts", "模"],
    ["characters that are escaped", "\u0001"],
  ])("refuses models beyond what fits, of %s, and keeps the endpoint as it was", (_what, letter) => {
    const models = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(200, letter));
    let refusals = 0;
    for (const scope of ["me", "team"] as const) {
      for (let n = 0; n < MAX_KEYS_OF_OWNER; n += 1) {
        const providerId = `${scope}-${n}`;
        endpoint(providerId, { scope, key: "\\".repeat(4096) });
        try {
          endpoint(providerId, { scope, models, key: "\\".repeat(4096) });
        } catch (error) {
          expect(String(error)).toContain("Name fewer models for this endpoint, or remove another key.");
          refusals += 1;
          expect(keys.list(owner).find((key) => key.providerId === providerId)?.models).toEqual(["m"]);
          break;
        }
      }
    }
    expect(refusals).toBe(2);
    expect(sidecarTakesIt()).toBe(true);
  });
});
