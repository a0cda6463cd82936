import { eq, sql } from "drizzle-orm";
import { decode, encode } from "next-auth/jwt";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { apiTokens, users } from "../db/schema";
import { openTestAccounts, PASSWORD, type TestAccounts } from "./test-accounts";
import { makeToken } from "./token-format";
import { createTokens } from "./tokens";

const DAY_MS = 86_400_000;

describe("authenticate", () => {
  let t: TestAccounts;
  let userId: string;
  beforeEach(async () => {
    t = openTestAccounts();
    ({ userId } = await t.person("alice"));
  });
  afterEach(() => t.close());

  const bearer = (token: string) => t.authenticate({ authorization: `Bearer ${token}` });
  const newToken = () => t.tokens.create({ userId, name: "laptop", days: 7 });
  const signedIn = async () => {
    const { loginSessionId } = await t.logins.signIn({
      email: "alice@example.test",
      password: PASSWORD,
      ip: "::1",
      userAgent: "",
    });
    const jwt = await encode({ token: { sid: loginSessionId }, secret: t.authSettings.secret });
    return { loginSessionId, jwt, cookie: `other=1; ${t.authSettings.sessionCookie}=${jwt}` };
  };

  it("knows a person by a token, and keeps only its hash", async () => {
    const { id, token } = newToken();
    expect(await bearer(token)).toMatchObject({ userId, via: { kind: "token", tokenId: id, scopes: null } });
    expect(JSON.stringify(t.db.select().from(apiTokens).all())).not.toContain(token);
  });

  it.each([
    ["nothing", ""],
    ["broken percent signs", "%E0%A4%A"],
    ["a token with one letter changed", "changed"],
    ["a well-formed token that nobody has", makeToken()],
    ["a very long one", "oa_" + "A".repeat(100_000)],
    ["two words", "oa_a b"],
  ])("is nobody with %s", async (_what, text) => {
    const { token } = newToken();
    const sent = text === "changed" ? token.replace(/.$/, token.endsWith("A") ? "B" : "A") : text;
    expect(await bearer(sent)).toBeNull();
  });

  it("is nobody with a token that is expired, revoked, or a disabled person's", async () => {
    const [expired, revoked, disabled] = [
      newToken(),
      newToken(),
      t.tokens.create({ userId, name: "long", days: 300 }),
    ];
    t.tokens.revoke({ userId, tokenId: revoked.id });
    expect(await bearer(revoked.token)).toBeNull();
    expect(await bearer(expired.token)).not.toBeNull();
    t.clock.advance(7 * DAY_MS);
    expect(await bearer(expired.token)).toBeNull();
    expect(await bearer(disabled.token)).not.toBeNull();
    t.db.update(users).set({ disabledAt: "2026-01-01T00:00:00.000Z" }).where(eq(users.id, userId)).run();
    expect(await bearer(disabled.token)).toBeNull();
  });

  it("knows a person by a token while the database takes no writes, and says so once", async () => {
    const warn = vi.fn();
    const tokens = createTokens({ ...t, log: { warn } });
    const { token } = newToken();
    t.db.run(
      sql`create trigger full before update on api_tokens begin select raise(fail, 'disk is full'); end`,
    );
    expect(tokens.resolve(token)).toMatchObject({ userId });
    expect(tokens.resolve(token)).toMatchObject({ userId });
    expect(warn).toHaveBeenCalledOnce();
    t.db.run(sql`drop trigger full`);
    expect(tokens.resolve(token)).toMatchObject({ userId });
    expect(t.tokens.list({ userId, limit: 1 }).items[0]?.lastUsedAt).not.toBeNull();
  });

  it("does not let one person revoke another's token", async () => {
    const { token, id } = newToken();
    const bob = await t.person("bob");
    expect(() => t.tokens.revoke({ userId: bob.userId, tokenId: id })).toThrow("no such token");
    expect(await bearer(token)).not.toBeNull();
  });

  it("knows a person by the cookie until the login session is revoked", async () => {
    const { cookie, loginSessionId } = await signedIn();
    expect(await t.authenticate({ cookie })).toMatchObject({
      userId,
      via: { kind: "browser", loginSessionId },
    });
    t.logins.revoke(loginSessionId);
    expect(await t.authenticate({ cookie })).toBeNull();
  });

  it("is nobody with a cookie that is cut, sealed with another secret, or without a session's id", async () => {
    const { jwt } = await signedIn();
    const { sessionCookie: name, secret } = t.authSettings;
    const foreign = await encode({ token: { sid: "lgn_1" }, secret: "another secret" });
    const empty = await encode({ token: {}, secret });
    for (const value of [jwt.slice(0, -3), foreign, empty, "x", "%E0%A4%A"]) {
      expect(await t.authenticate({ cookie: `${name}=${value}` })).toBeNull();
    }
  });

  it("never falls back to the cookie when a token was sent", async () => {
    const { cookie } = await signedIn();
    expect(await t.authenticate({ authorization: "Bearer oa_wrong", cookie })).toBeNull();
    expect(await t.authenticate({ authorization: "bearer ", cookie })).toBeNull();
    // A proxy's own password in front of the server is none of ours.
    expect(await t.authenticate({ authorization: "Basic dTpw", cookie })).not.toBeNull();
  });

  it("puts nothing but the login session's id into the cookie", async () => {
    const { createAuthOptions } = await import("./next-auth");
    const { logins, identities, authSettings: settings } = t;
    const options = createAuthOptions({
      logins,
      identities,
      settings,
      userAgent: "test",
      onRefused: () => undefined,
    });
    const token = await options.callbacks?.jwt?.({
      token: { name: "alice", email: "alice@example.test", sub: "lgn_1" },
      user: { id: "lgn_1", name: "alice" },
      account: null,
    });
    expect(token).toEqual({ sid: "lgn_1" });
    const decoded = await decode({
      token: await encode({ token: token ?? {}, secret: settings.secret }),
      secret: settings.secret,
    });
    expect(Object.keys(decoded ?? {}).sort()).toEqual(["exp", "iat", "jti", "sid"]);
  });
});
