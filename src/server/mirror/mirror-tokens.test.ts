import { randomBytes } from "node:crypto";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createSecretBox } from "../keys/secret-box";
import { raiseEpoch } from "../people/epoch";
import { createLiveAccess } from "./live-access";
import { callerOf } from "./mirror.testing";
import { createMirrorTokens, type MirrorTokens } from "./mirror-tokens";
import { jwksUri, loadSigningKey, storedJwks } from "./signing-key";

const ISSUER = "https://agents.example.test";

describe("tokens for Convex", () => {
  let t: TestDatabase;
  let tokens: MirrorTokens;
  const box = createSecretBox({ id: "test", bytes: randomBytes(32) });
  const warnings: unknown[] = [];
  const log = { warn: (line: unknown) => void warnings.push(line) };
  const load = (over = box) => loadSigningKey({ db: t.db, box: over, log });
  beforeEach(() => {
    t = testDatabase();
    warnings.length = 0;
    tokens = createMirrorTokens({ key: load(), issuer: ISSUER, clock: t.clock, personSeconds: 300 });
  });
  afterEach(() => t[Symbol.dispose]());

  it("say who and as of which epoch, and nothing else: never a role, whatever is asked for", async () => {
    const asked = { userId: t.userId, epoch: 3, role: "server", sub: "openagent-server" };
    const { token, expiresAt } = await tokens.forPerson(asked);
    const claims = decodeJwt(token);
    expect(Object.keys(claims).sort()).toEqual(["aud", "epoch", "exp", "iat", "iss", "sub"]);
    expect(claims).toMatchObject({ sub: t.userId, epoch: 3, iss: ISSUER, aud: "openagent" });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
    expect(Date.parse(expiresAt)).toBe(t.clock.now() + 300_000);
    await expect(tokens.forPerson({ userId: "openagent-server", epoch: 0 })).rejects.toThrow();
  });

  it("carry a person's epoch as it is now", async () => {
    const access = createLiveAccess({
      db: t.db,
      tokens,
      origin: ISSUER,
      mountPath: "/convex",
      remoteUrl: null,
    });
    const epoch = async () => decodeJwt((await access.token(callerOf(t.userId))).token).epoch;
    expect(await epoch()).toBe(0);
    raiseEpoch(t.db, t.userId);
    expect(await epoch()).toBe(1);
    await expect(access.token(callerOf("usr_gone"))).rejects.toMatchObject({ reason: "not_found" });
  });

  it("are verified by the keys that a deployment is given", async () => {
    const uri = jwksUri(storedJwks(t.db) ?? { keys: [] });
    const text = Buffer.from(uri.split("base64,")[1] ?? "", "base64").toString();
    expect(text).not.toContain('"d"');
    // What verifies is read as Convex reads it.
    const keys = createLocalJWKSet(JSON.parse(text) as Parameters<typeof createLocalJWKSet>[0]);
    const { token } = await tokens.forPerson({ userId: t.userId, epoch: 0 });
    const options = {
      issuer: ISSUER,
      audience: "openagent",
      algorithms: ["ES256"],
      currentDate: new Date(t.clock.now()),
    };
    const { protectedHeader } = await jwtVerify(token, keys, options);
    expect(protectedHeader).toMatchObject({ alg: "ES256", typ: "JWT", kid: storedJwks(t.db)?.keys[0]?.kid });
    const [head, body, signature] = token.split(".");
    const other = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: "usr_other" })).toString(
      "base64url",
    );
    await expect(jwtVerify(`${head}.${other}.${signature}`, keys, options)).rejects.toThrow();
    expect(body).not.toBe(other);
  });

  it("are the server's for a minute, made anew before they end", async () => {
    const first = await tokens.forServer();
    expect(decodeJwt(first)).toMatchObject({ sub: "openagent-server", role: "server" });
    t.clock.advance(30_000);
    expect(await tokens.forServer()).toBe(first);
    t.clock.advance(15_000);
    expect(await tokens.forServer()).not.toBe(first);
  });

  it("are signed with one key over restarts, sealed in the database; one that does not open is replaced and told of", () => {
    const { kid } = load();
    expect(load().kid).toBe(kid);
    expect(warnings).toEqual([]);
    expect(load(createSecretBox({ id: "test", bytes: randomBytes(32) })).kid).not.toBe(kid);
    expect(warnings).toHaveLength(1);
  });

  it("are good at the page's own name, or at a Convex elsewhere", () => {
    const of = (remoteUrl: string | null) =>
      createLiveAccess({ db: t.db, tokens, origin: ISSUER, mountPath: "/convex", remoteUrl });
    expect(of(null).config()).toEqual({ url: `${ISSUER}/convex`, kind: "embedded" });
    expect(of(null).forPages()).toBe("/convex");
    const remote = "https://happy-animal-123.convex.cloud";
    expect(of(remote).config()).toEqual({ url: remote, kind: "remote" });
    expect(of(remote).forPages()).toBe(remote);
  });
});
