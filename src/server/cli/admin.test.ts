import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestAccounts, type TestAccounts } from "../auth/test-accounts";
import { parseCommandLine, UsageError } from "./command-line";
import { examineMode, examineNode } from "./doctor";

describe("the command line", () => {
  it("takes every command with its options", () => {
    expect(
      parseCommandLine([
        "token",
        "create",
        "--email",
        "a@example.test",
        "--scopes",
        "account, keys",
        "--days",
        "3",
      ]),
    ).toEqual({
      name: "token create",
      options: { email: "a@example.test", scopes: ["account", "keys"], days: 3, name: "command line" },
    });
    expect(parseCommandLine(["doctor"]).name).toBe("doctor");
  });

  it.each([
    [[]],
    [["user"]],
    [["user", "create", "--email", "a@example.test"]],
    [["user", "create", "--email", "a@example.test", "--role", "king"]],
    [["token", "create", "--email", "a@example.test", "--scopes", "everything"]],
    [["token", "create", "--email", "a@example.test", "--days", "9999"]],
    [["session", "list", "--email", "a@example.test"]],
    [["doctor", "--fix"]],
  ])("refuses %j", (args) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError);
  });
});

// Each call starts a Node of its own, a second or more on a busy machine.
describe("npm run admin, beside a running server", { timeout: 60_000 }, () => {
  let t: TestAccounts;
  beforeEach(() => {
    t = openTestAccounts();
  });
  afterEach(() => t.close());

  function admin(
    args: string[],
    input = "",
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const entry = join(import.meta.dirname, "admin.ts");
    const child = spawn(process.execPath, ["--import", "tsx", entry, ...args], {
      env: { NODE_ENV: "production", OPENAGENT_DATA_DIR: t.dataDir },
    });
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, ...out }));
    });
  }

  it("makes a person whom the server knows at once, and a token alone on standard output", async () => {
    t.claims.ensureCode();
    const made = await admin(
      ["user", "create", "--email", "Olive@example.test", "--role", "owner", "--password-stdin"],
      "plum-tree-harbour\n",
    );
    expect(made).toMatchObject({ code: 0, stdout: "" });
    await t.logins.signIn({
      email: "olive@example.test",
      password: "plum-tree-harbour",
      ip: "::1",
      userAgent: "",
    });
    expect(t.claims.isClaimed()).toBe(true);
    expect(existsSync(join(t.dataDir, "claim-code"))).toBe(false);
    const { stdout } = await admin(["token", "create", "--email", "olive@example.test"]);
    expect(stdout).toMatch(/^oa_\S+\n$/);
    expect(await t.authenticate({ authorization: `Bearer ${stdout.trim()}` })).toMatchObject({
      email: "olive@example.test",
    });
  });

  it("sets a password that it makes itself, and signs browsers out", async () => {
    const { email } = await t.person("alice");
    const { loginSessionId } = await t.logins.signIn({
      email,
      password: "plum-tree-harbour",
      ip: "::1",
      userAgent: "",
    });
    const { stdout } = await admin(["user", "reset-password", "--email", email]);
    expect(t.logins.resolve(loginSessionId)).toBeNull();
    await t.logins.signIn({ email, password: stdout.trim(), ip: "::1", userAgent: "" });
  });

  it("says in a sentence what cannot be done, and exits with 1; a wrong line with 2", async () => {
    const weak = await admin(
      ["user", "create", "--email", "a@example.test", "--role", "member", "--password-stdin"],
      "short",
    );
    expect(weak).toMatchObject({ code: 1, stdout: "" });
    expect(weak.stderr).toMatch(/^The password is too short.*\n$/);
    expect((await admin(["token", "create", "--email", "nobody@example.test"])).code).toBe(1);
    expect((await admin(["user", "delete"])).code).toBe(2);
  });
});

describe("doctor", () => {
  it("says no to an old Node and to a secret that others can read", () => {
    expect(examineNode("18.19.0").problem).toContain("Install Node 20.9");
    expect(examineNode("20.8.1").problem).not.toBeNull();
    expect(examineNode("20.9.0").problem).toBeNull();
    const dir = mkdtempSync(join(tmpdir(), "oa-doctor-"));
    try {
      const file = join(dir, "master.key");
      expect(examineMode("master key", file).problem).toBeNull();
      writeFileSync(file, "x");
      chmodSync(file, 0o640);
      expect(examineMode("master key", file).problem).toContain(`chmod go-rwx ${file}`);
      chmodSync(file, 0o600);
      expect(examineMode("master key", file).problem).toBeNull();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
