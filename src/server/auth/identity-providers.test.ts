import { UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { authProvider, type IdentityProvider } from "./identity-providers";

const OIDC: IdentityProvider = {
  id: "oidc",
  name: "Example",
  issuer: "https://login.example.test",
  clientId: "a",
  clientSecret: "b",
  trustsEmails: false,
};

/** What the provider's ID token says, and what its userinfo, which is asked when the token has no address. */
async function profile(
  token: Record<string, unknown>,
  opts: { userinfo?: Record<string, unknown>; trustsEmails?: boolean } = {},
): Promise<unknown> {
  const { userinfo } = authProvider({ ...OIDC, trustsEmails: opts.trustsEmails ?? false });
  if (typeof userinfo !== "object" || userinfo.request === undefined) throw new Error("It has no such call.");
  const context = {
    tokens: { id_token: new UnsecuredJWT(token).encode(), access_token: "c" },
    client: { userinfo: () => Promise.resolve(opts.userinfo) },
  };
  return userinfo.request(context as never);
}

describe("what an OpenID provider tells of a person", () => {
  it("is an address only when it is proved", async () => {
    const token = { sub: "1", email: "Alice@Example.test" };
    const proved = { sub: "1", email: "alice@example.test" };
    expect(await profile({ ...token, email_verified: true })).toEqual(proved);
    expect(await profile({ ...token, email_verified: "true" })).toEqual(proved);
    for (const email_verified of [undefined, false, "false"])
      expect(await profile({ ...token, email_verified })).toEqual({ sub: "1" });
  });

  it("is trusted where it says nothing of that, and the operator does; not where it says no", async () => {
    const token = { sub: "1", email: "alice@example.test" };
    expect(await profile(token, { trustsEmails: true })).toEqual(token);
    expect(await profile({ ...token, email_verified: false }, { trustsEmails: true })).toEqual({ sub: "1" });
  });

  it("may come with the second call, if it is of the same person", async () => {
    const userinfo = { sub: "1", email: "alice@example.test", email_verified: true };
    expect(await profile({ sub: "1" }, { userinfo })).toEqual({ sub: "1", email: "alice@example.test" });
    await expect(profile({ sub: "2" }, { userinfo })).rejects.toThrow("two people");
    await expect(profile({ sub: "" }, { userinfo })).rejects.toThrow();
  });

  it("is no address in signs that become another's letters", async () => {
    expect(await profile({ sub: "1", email: "mi\u212ae@example.test", email_verified: true })).toEqual({
      sub: "1",
    });
  });
});
