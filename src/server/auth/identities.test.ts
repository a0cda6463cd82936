import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eq } from "drizzle-orm";
import { users } from "../db/schema";
import type { Identity } from "./identities";
import { openTestAccounts, PASSWORD, type TestAccounts } from "./test-accounts";

const GITHUB = "https://github.com";

describe("identities elsewhere", () => {
  let t: TestAccounts;
  let userId: string;
  beforeEach(async () => {
    t = openTestAccounts();
    ({ userId } = await t.person("alice"));
  });
  afterEach(() => t.close());

  const alice = { issuer: GITHUB, subject: "1", email: "alice@example.test" };
  const signIn = (over: Partial<Identity> = {}) =>
    t.identities.signIn({ ...alice, ...over }, { userAgent: "a browser" });
  const who = (answer: ReturnType<typeof signIn>) =>
    "loginSessionId" in answer ? t.logins.resolve(answer.loginSessionId)?.userId : answer;

  it("let in whoever has the proved e-mail address of a person, in a browser that is listed", () => {
    expect(who(signIn())).toBe(userId);
    expect(t.logins.devicesOf(userId).map(({ userAgent }) => userAgent)).toEqual(["a browser"]);
  });

  it("stay a person's when the address changes, there or here", () => {
    signIn();
    expect(who(signIn({ email: "alice@elsewhere.test" }))).toBe(userId);
    expect(who(signIn({ email: null }))).toBe(userId);
  });

  it("make nobody a person", () => {
    expect(signIn({ email: "mallory@example.test" })).toEqual({ refusal: "unknown_person" });
    expect(signIn({ email: null })).toEqual({ refusal: "email_not_proved" });
    expect(t.db.select().from(users).all()).toHaveLength(1);
  });

  it("do not let in another account that has got the address since", () => {
    signIn();
    expect(signIn({ subject: "2" })).toEqual({ refusal: "other_account" });
    expect(who(signIn({ issuer: "https://login.example.test", subject: "2" }))).toBe(userId);
  });

  it("belong to their provider: the same id elsewhere is somebody else", async () => {
    const bob = await t.person("bob");
    signIn();
    expect(who(signIn({ issuer: "https://login.example.test", email: bob.email }))).toBe(bob.userId);
  });

  it("do not let in a disabled person, and tie nothing then", () => {
    t.db.update(users).set({ disabledAt: "2026-11-01T00:00:00.000Z" }).where(eq(users.id, userId)).run();
    expect(signIn()).toEqual({ refusal: "disabled" });
    t.db.update(users).set({ disabledAt: null }).where(eq(users.id, userId)).run();
    expect(who(signIn({ subject: "2" }))).toBe(userId);
    t.db.update(users).set({ disabledAt: "2026-11-01T00:00:00.000Z" }).where(eq(users.id, userId)).run();
    expect(signIn({ subject: "2" })).toEqual({ refusal: "disabled" });
  });

  it("do not have a provider asked without end for one address", () => {
    for (let call = 0; call < 300; call += 1) t.identities.admit("198.51.100.1");
    expect(() => t.identities.admit("198.51.100.1")).toThrow(/try again/i);
    expect(() => t.identities.admit("198.51.100.2")).not.toThrow();
  });

  it("are let go of by a reset of the password", async () => {
    const { email } = alice;
    signIn();
    await t.people.resetPassword({ email, password: `${PASSWORD}-2` });
    expect(who(signIn({ subject: "2" }))).toBe(userId);
  });
});
