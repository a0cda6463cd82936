import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestAccounts, PASSWORD, type TestAccounts } from "../auth/test-accounts";
import { users } from "../db/schema";
import { marksAfter } from "../events/outbox";

describe("a person's epoch", () => {
  let t: TestAccounts;
  let userId: string;
  const email = "ada@example.test";
  beforeEach(async () => {
    t = openTestAccounts();
    ({ userId } = await t.people.create({ email, name: "Ada", role: "member", password: PASSWORD }));
  });
  afterEach(() => t.close());

  const epoch = () => t.db.select().from(users).where(eq(users.id, userId)).get()?.epoch ?? -1;
  const signIn = async () =>
    (await t.logins.signIn({ email, password: PASSWORD, ip: "127.0.0.1", userAgent: "test" })).loginSessionId;

  it("rises with everything that takes access away, and the mirror is to be told", async () => {
    const login = await signIn();
    const acts: Record<string, () => unknown> = {
      "sign out": () => t.logins.revoke(login),
      "sign out another browser": async () => t.logins.revokeDevice({ userId, id: await signIn() }),
      "sign out everywhere": () => t.logins.revokeAllOf(userId),
      "revoke a token": () =>
        t.tokens.revoke({ userId, tokenId: t.tokens.create({ userId, name: "script" }).id }),
      "change the password": () =>
        t.people.changePassword({ userId, current: PASSWORD, next: `${PASSWORD}-other` }),
      "reset the password": () => t.people.resetPassword({ email, password: PASSWORD }),
    };
    for (const [name, act] of Object.entries(acts)) {
      const before = epoch();
      const lastMark = marksAfter(t.db, 0, 100).at(-1)?.id ?? 0;
      await act();
      expect(epoch(), name).toBeGreaterThan(before);
      expect(marksAfter(t.db, lastMark, 100), name).toMatchObject([{ topic: "person", key: userId }]);
    }
  });

  it("stays with what takes nothing away", async () => {
    const before = epoch();
    await signIn();
    t.people.rename({ userId, name: "Ada L." });
    expect(() => t.logins.revokeDevice({ userId, id: "lgn_none" })).toThrow();
    expect(() => t.tokens.revoke({ userId, tokenId: "tok_none" })).toThrow();
    await expect(
      t.people.changePassword({ userId, current: "not it", next: `${PASSWORD}-other` }),
    ).rejects.toThrow();
    expect(epoch()).toBe(before);
  });
});
