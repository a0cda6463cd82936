import { spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestAccounts, type TestAccounts } from "../auth/test-accounts";
import { parseCommandLine, UsageError } from "./command-line";
import { sessions } from "../db/schema";
import { loadMasterKey } from "../keys/load-master-key";

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
    expect(parseCommandLine(["mirror", "rebuild", "--session", "ses_1"])).toEqual({
      name: "mirror rebuild",
      options: { session: "ses_1" },
    });
  });

  it.each([[[]], [["--help"]], [["-h"]], [["help"]], [["token", "create", "--help"]]])(
    "takes %j for a call for help",
    (args) => {
      expect(parseCommandLine(args).name).toBe("help");
    },
  );

  it("names what is missing, and what is there but not right", () => {
    expect(() => parseCommandLine(["token", "create"])).toThrow("--email is missing.");
    expect(() => parseCommandLine(["user", "create", "--email", "a@example.test"])).toThrow(
      "--role is missing.",
    );
    expect(() => parseCommandLine(["token", "create", "--email", "alice"])).toThrow(
      "--email: that is not an e-mail address",
    );
  });

  it.each([
    [["user"]],
    [["user", "create", "--email", "a@example.test"]],
    [["user", "create", "--email", "a@example.test", "--role", "king"]],
    [["token", "create", "--email", "a@example.test", "--scopes", "everything"]],
    [["token", "create", "--email", "a@example.test", "--days", "9999"]],
    [["session", "list", "--email", "a@example.test"]],
    [["doctor", "--fix"]],
    [["mirror"]],
    [["mirror", "rebuild", "--email", "a@example.test"]],
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

  it("prints how it is used when asked, and needs no data directory for it", async () => {
    const { code, stdout, stderr } = await admin(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: npm run admin/);
  });

  it("counts sessions in words that fit", async () => {
    expect((await admin(["session", "list"])).stderr).toBe("0 sessions\n");
    const { userId } = await t.person("alice");
    const at = "2026-11-23T00:00:00.000Z";
    t.db
      .insert(sessions)
      .values({
        id: "ses_1",
        ownerId: userId,
        title: "One",
        status: "stopped",
        agentState: "awake",
        model: { providerId: "demo", modelId: "demo-1" },
        agent: "build",
        permissionMode: "ask",
        visibility: "private",
        epoch: 0,
        heldEpoch: 0,
        heldN: 0,
        lastSeq: 0,
        createdAt: at,
        lastActivityAt: at,
      })
      .run();
    expect((await admin(["session", "list"])).stderr).toBe("1 session\n");
  });

  it("has the mirror rebuilt by the next start when none runs, and says of which session it cannot", async () => {
    expect((await admin(["mirror", "rebuild"])).stderr).toMatch(
      /^The mirror is told again of 0 sessions, as soon as/,
    );
    const { code, stderr } = await admin(["mirror", "rebuild", "--session", "ses_none"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "There is no such session, or it is not yours to see.\n",
    });
  });

  it("calls it a fault when the server could not start, and exits with 1", async () => {
    const file = join(t.dataDir, "master.key");
    loadMasterKey({ file, db: t.db });
    rmSync(file);
    const { code, stdout } = await admin(["doctor"]);
    expect(code).toBe(1);
    expect(stdout).toContain(`FAIL  master key: The master key ${file} is missing`);
    expect(stdout).toContain(`note  server: none runs in the background on ${t.dataDir}`);
    expect(stdout).toContain("note  mirror: not compared with the log");
    expect(existsSync(file)).toBe(false);
  });
});
