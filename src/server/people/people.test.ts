import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestAccounts, PASSWORD, type TestAccounts } from "../auth/test-accounts";
import { users } from "../db/schema";

describe("people", () => {
  let t: TestAccounts;
  beforeEach(() => {
    t = openTestAccounts();
  });
  afterEach(() => t.close());

  const signIn = (password: string) =>
    t.logins.signIn({ email: "alice@example.test", password, ip: "198.51.100.1", userAgent: "" });

  it("refuses a second account with the same e-mail address in other capitals", async () => {
    await t.person("alice");
    const twin = { email: "ALICE@example.test", name: "Twin", role: "member", password: PASSWORD } as const;
    await expect(t.people.create(twin)).rejects.toMatchObject({ reason: "taken" });
  });

  it("changes a password only for whoever knows the present one, ten tries at most", async () => {
    const { userId } = await t.person("alice");
    const next = "a-new-long-password";
    await expect(t.people.changePassword({ userId, current: "wrong-password", next })).rejects.toMatchObject({
      reason: "wrong_credentials",
    });
    await t.people.changePassword({ userId, current: PASSWORD, next });
    await signIn(next);
    await expect(signIn(PASSWORD)).rejects.toMatchObject({ reason: "wrong_credentials" });
    for (let i = 0; i < 9; i++)
      await t.people.changePassword({ userId, current: "x", next }).catch(() => undefined);
    await expect(t.people.changePassword({ userId, current: next, next })).rejects.toMatchObject({
      reason: "throttled",
    });
  });

  it("lets a reset win over a change that was under way with the password before", async () => {
    const { userId } = await t.person("alice");
    const { userId: bob } = await t.person("bob");
    const changing = t.people.changePassword({ userId, current: PASSWORD, next: "what-the-thief-chose" });
    const reset = t.db.select().from(users).where(eq(users.id, bob)).get()?.passwordHash ?? "";
    t.db.update(users).set({ passwordHash: reset }).where(eq(users.id, userId)).run();
    await expect(changing).rejects.toMatchObject({ reason: "wrong_credentials" });
    await expect(signIn("what-the-thief-chose")).rejects.toMatchObject({ reason: "wrong_credentials" });
    expect(t.db.select().from(users).where(eq(users.id, userId)).get()?.passwordHash).toBe(reset);
  });

  it("resets a password without the old one, and says when there is nobody", async () => {
    await t.person("alice");
    await t.people.resetPassword({ email: "Alice@example.test", password: "a-new-long-password" });
    await signIn("a-new-long-password");
    await expect(
      t.people.resetPassword({ email: "x@example.test", password: PASSWORD }),
    ).rejects.toMatchObject({
      reason: "not_found",
    });
  });
});
