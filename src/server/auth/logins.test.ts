import { verify } from "@node-rs/argon2";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { users } from "../db/schema";
import { AppError } from "../errors";
import { LOGIN_SESSION_SECONDS } from "./login-lifetime";
import { hashPassword } from "./passwords";
import { openTestAccounts, PASSWORD, type TestAccounts } from "./test-accounts";

// Counted, not timed: the hash itself is the real one.
vi.mock("@node-rs/argon2", { spy: true });

const QUARTER_HOUR_MS = 15 * 60_000;

/** What a check of a password costs: the kind and parameters of the hash that it is checked against, without salt and sum. */
const costOf = ([hash]: Parameters<typeof verify>): string => String(hash).split("$").slice(0, 4).join("$");

describe("logins", () => {
  let t: TestAccounts;
  beforeEach(() => {
    t = openTestAccounts();
  });
  afterEach(() => t.close());

  const signIn = (email: string, password: string, ip = "198.51.100.1") =>
    t.logins.signIn({ email, password, ip, userAgent: "test" });
  const failure = async (attempt: Promise<unknown>): Promise<AppError> => {
    const error: unknown = await attempt.then(
      () => null,
      (reason: unknown) => reason,
    );
    if (!(error instanceof AppError)) throw new Error("it was not refused", { cause: error });
    return error;
  };

  it("signs in with the right password, whatever the e-mail address's capitals", async () => {
    const { userId } = await t.person("alice");
    const { loginSessionId } = await signIn(" Alice@Example.test ", PASSWORD);
    expect(t.logins.resolve(loginSessionId)).toMatchObject({
      userId,
      role: "member",
      via: { kind: "browser" },
    });
  });

  it("answers an unknown e-mail address as a wrong password, after as much work", async () => {
    const { email } = await t.person("alice");
    const refused = async (address: string) => {
      vi.mocked(verify).mockClear();
      const { code, reason, message, detail } = await failure(signIn(address, "not-the-password"));
      return { answer: { code, reason, message, detail }, work: vi.mocked(verify).mock.calls.map(costOf) };
    };
    const known = await refused(email);
    expect(known.answer).toMatchObject({ reason: "wrong_credentials" });
    expect(known.work).toEqual([expect.stringMatching(/^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+$/)]);
    expect(await refused("nobody@example.test")).toEqual(known);
  });

  it("refuses a disabled person as a wrong password", async () => {
    const { userId, email } = await t.person("dave");
    t.db.update(users).set({ disabledAt: new Date().toISOString() }).where(eq(users.id, userId)).run();
    expect((await failure(signIn(email, PASSWORD))).reason).toBe("wrong_credentials");
  });

  it("does not let in with the old password whose check a new password overtakes", async () => {
    const { userId, email } = await t.person("alice");
    const passwordHash = await hashPassword("another-fine-password");
    const entering = failure(signIn(email, PASSWORD));
    t.db.update(users).set({ passwordHash }).where(eq(users.id, userId)).run();
    t.logins.revokeAllOf(userId);
    expect((await entering).reason).toBe("wrong_credentials");
    expect(t.logins.devicesOf(userId)).toEqual([]);
    expect(await signIn(email, "another-fine-password")).toHaveProperty("loginSessionId");
  });

  it("does not let in a person who is disabled while the password is checked", async () => {
    const { userId, email } = await t.person("alice");
    const entering = failure(signIn(email, PASSWORD));
    t.db.update(users).set({ disabledAt: new Date().toISOString() }).where(eq(users.id, userId)).run();
    expect((await entering).reason).toBe("wrong_credentials");
    t.db.update(users).set({ disabledAt: null }).where(eq(users.id, userId)).run();
    expect(t.logins.devicesOf(userId)).toEqual([]);
  });

  it("throttles the eleventh try of one account from many addresses, the right password too, for a quarter of an hour", async () => {
    const { email } = await t.person("alice");
    for (let i = 0; i < 10; i++) await failure(signIn(email, "wrong-password", `198.51.100.${i}`));
    const refused = await failure(signIn(email, PASSWORD, "198.51.100.99"));
    expect(refused).toMatchObject({ reason: "throttled", code: "TOO_MANY_REQUESTS" });
    expect(refused.retryAfterSeconds).toBeGreaterThan(0);
    t.clock.advance(QUARTER_HOUR_MS + 1);
    await signIn(email, PASSWORD);
  });

  it.each(["127.0.0.1", "::1", "::ffff:127.0.0.1"])(
    "does not lock out all who come by a tunnel or a proxy on this machine (%s) for one person's typing",
    async (ip) => {
      const { email } = await t.person("alice");
      const { email: other } = await t.person("bob");
      for (let i = 0; i < 10; i++) await failure(signIn(email, "wrong-password", ip));
      expect((await failure(signIn(email, PASSWORD, ip))).reason).toBe("throttled");
      await signIn(other, PASSWORD, ip);
    },
  );

  it("throttles this machine's own address too, at the hundred and first try", async () => {
    const tries = Array.from({ length: 104 }, (_, i) =>
      failure(signIn(`somebody${i}@example.test`, "wrong-password", "127.0.0.1")),
    );
    const reasons = (await Promise.all(tries)).map((error) => error.reason);
    expect(reasons.filter((reason) => reason === "throttled")).toHaveLength(4);
  });

  it("ends the lock of an account with its old password", async () => {
    const { userId, email } = await t.person("alice");
    const { userId: other } = await t.person("bob");
    for (let i = 0; i < 10; i++) await failure(signIn(email, "wrong-password", `198.51.100.${i}`));
    const passwordHash = t.db.select().from(users).where(eq(users.id, other)).get()?.passwordHash ?? "";
    expect((await failure(signIn(email, PASSWORD, "198.51.100.98"))).reason).toBe("throttled");
    t.db.update(users).set({ passwordHash }).where(eq(users.id, userId)).run();
    expect(await signIn(email, PASSWORD, "198.51.100.99")).toHaveProperty("loginSessionId");
  });

  it("throttles one address that tries many accounts, many at once too", async () => {
    const tries = Array.from({ length: 14 }, (_, i) =>
      failure(signIn(`somebody${i}@example.test`, "wrong-password")),
    );
    const reasons = (await Promise.all(tries)).map((error) => error.reason);
    expect(reasons.filter((reason) => reason === "wrong_credentials")).toHaveLength(10);
    expect(reasons.filter((reason) => reason === "throttled")).toHaveLength(4);
  });

  it("does not count sign-ins that succeed", async () => {
    const { email } = await t.person("alice");
    for (let i = 0; i < 12; i++) await signIn(email, PASSWORD);
  });

  it("lists a person's own browsers and lets nobody else end them", async () => {
    const alice = await t.person("alice");
    const bob = await t.person("bob");
    const { loginSessionId } = await signIn(alice.email, PASSWORD);
    expect(t.logins.devicesOf(alice.userId)).toMatchObject([{ id: loginSessionId, userAgent: "test" }]);
    expect(t.logins.devicesOf(bob.userId)).toEqual([]);
    expect(() => t.logins.revokeDevice({ userId: bob.userId, id: loginSessionId })).toThrow(AppError);
    expect(t.logins.resolve(loginSessionId)).not.toBeNull();
    t.logins.revokeDevice({ userId: alice.userId, id: loginSessionId });
    expect(t.logins.resolve(loginSessionId)).toBeNull();
    expect(t.logins.devicesOf(alice.userId)).toEqual([]);
  });

  it("ends a login session by revoking it, by revoking all but one, and after thirty days", async () => {
    const { userId, email } = await t.person("alice");
    const [first, second, third] = await Promise.all([
      signIn(email, PASSWORD),
      signIn(email, PASSWORD),
      signIn(email, PASSWORD),
    ]);
    t.logins.revoke(first.loginSessionId);
    expect(t.logins.resolve(first.loginSessionId)).toBeNull();
    expect(t.logins.revokeAllOf(userId, { except: third.loginSessionId })).toBe(1);
    expect(t.logins.resolve(second.loginSessionId)).toBeNull();
    expect(t.logins.resolve(third.loginSessionId)).not.toBeNull();
    t.clock.advance(LOGIN_SESSION_SECONDS * 1000);
    expect(t.logins.resolve(third.loginSessionId)).toBeNull();
  });
});
