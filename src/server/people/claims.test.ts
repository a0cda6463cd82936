import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestAccounts, PASSWORD, type TestAccounts } from "../auth/test-accounts";
import { users } from "../db/schema";

describe("claims", () => {
  let t: TestAccounts;
  beforeEach(() => {
    t = openTestAccounts();
  });
  afterEach(() => t.close());

  const claim = (code: string, more: { password?: string; ip?: string; email?: string } = {}) =>
    t.claims.claim({
      code,
      name: "Olive",
      email: "Olive@example.test",
      password: PASSWORD,
      ip: "198.51.100.1",
      ...more,
    });

  it("gives the same code until it is used, in a file that only its owner reads", () => {
    const code = t.claims.ensureCode();
    expect(code).toMatch(/^[A-HJ-KMNP-Z2-9]{4}-[A-HJ-KMNP-Z2-9]{4}$/);
    expect(t.claims.ensureCode()).toBe(code);
    const file = join(t.dataDir, "claim-code");
    expect(readFileSync(file, "utf8").trim()).toBe(code);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("makes the owner once, typed in small letters or not, and removes the code", async () => {
    const code = t.claims.ensureCode() ?? "";
    await claim(code.toLowerCase().replace("-", " "));
    expect(t.people.byEmail("olive@example.test")).toMatchObject({ role: "owner", name: "Olive" });
    expect(t.claims.isClaimed()).toBe(true);
    expect(existsSync(join(t.dataDir, "claim-code"))).toBe(false);
    expect(t.claims.ensureCode()).toBeNull();
    await expect(claim(code)).rejects.toMatchObject({ reason: "already_claimed" });
  });

  it("lets one of two claims at the same time through", async () => {
    const code = t.claims.ensureCode() ?? "";
    const outcomes = await Promise.allSettled([claim(code), claim(code, { email: "other@example.test" })]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(t.db.select().from(users).all()).toHaveLength(1);
  });

  it("refuses a wrong code, and after ten of them from one address the right one too", async () => {
    const code = t.claims.ensureCode() ?? "";
    for (let i = 0; i < 10; i++)
      await expect(claim("AAAA-AAAA")).rejects.toMatchObject({ reason: "wrong_claim_code" });
    await expect(claim(code)).rejects.toMatchObject({ reason: "throttled" });
    await claim(code, { ip: "198.51.100.2" });
  });

  it("refuses everybody after thirty wrong codes from any addresses in an hour", async () => {
    const code = t.claims.ensureCode() ?? "";
    for (let i = 0; i < 30; i++)
      await expect(claim("", { ip: `198.51.100.${i}` })).rejects.toMatchObject({
        reason: "wrong_claim_code",
      });
    await expect(claim(code, { ip: "203.0.113.1" })).rejects.toMatchObject({ reason: "throttled" });
    t.clock.advance(3_600_001);
    await claim(code, { ip: "203.0.113.1" });
  });

  it.each(["short", "Olive@example.test", "qwertyuiop", "aaaaaaaaaaaa", "x".repeat(300)])(
    "refuses the weak password %s and leaves the installation unclaimed",
    async (password) => {
      const code = t.claims.ensureCode() ?? "";
      await expect(claim(code, { password })).rejects.toMatchObject({ reason: "weak_password" });
      expect(t.claims.isClaimed()).toBe(false);
    },
  );
});
