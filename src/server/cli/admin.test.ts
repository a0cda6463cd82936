import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTestAccounts, type TestAccounts } from "../auth/test-accounts";
import { parseCommandLine, UsageError } from "./command-line";
import { startStandIn, type StandIn } from "../../../scripts/lib/server-stand-in.testing";
import { sessions } from "../db/schema";
import { loadMasterKey } from "../keys/load-master-key";
import { newMasterKey } from "../keys/master-key";
import { examineImage, examineMasterKey, examineMode, examineNode, examineServer, lineOf } from "./doctor";

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

  it("calls it a fault when the server could not start, and exits with 1", async () => {
    const file = join(t.dataDir, "master.key");
    loadMasterKey({ file, db: t.db });
    rmSync(file);
    const { code, stdout } = await admin(["doctor"]);
    expect(code).toBe(1);
    expect(stdout).toContain(`FAIL  master key: The master key ${file} is missing`);
    expect(stdout).toContain(`note  server: none runs in the background on ${t.dataDir}`);
    expect(existsSync(file)).toBe(false);
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

  it("says no to a key that the server would refuse, and leaves it alone", () => {
    const t = openTestAccounts();
    try {
      const file = join(t.dataDir, "master.key");
      const look = () => examineMasterKey({ file, db: t.db });
      expect(look()).toMatchObject({ problem: null, fact: `${file} is made at the first start` });
      loadMasterKey({ file, db: t.db });
      expect(look()).toMatchObject({ problem: null, fact: file });
      const other = `${newMasterKey().bytes.toString("base64")}\n`;
      writeFileSync(file, other);
      expect(look().problem).toMatch("is not the one this data directory was made with");
      expect(readFileSync(file, "utf8")).toBe(other);
      chmodSync(file, 0o640);
      expect(look().problem).toContain(`chmod 600 ${file}`);
    } finally {
      t.close();
    }
  });

  it("says whether the image is there, and when it did not look", async () => {
    const has = (there: boolean) => ({ hasImage: async () => there });
    expect(lineOf(await examineImage(has(true), "image:1"))).toBe("ok    image: image:1");
    expect(lineOf(await examineImage(has(false), "image:1"))).toMatch(/^FAIL {2}image: image:1 is missing/);
    expect(lineOf(await examineImage(has(true), null))).toMatch(/^note {2}image: not checked/);
  });

  describe("of the server", () => {
    let server: StandIn | null = null;
    afterEach(async () => server?.close());

    it("asks a running one at its own address", async () => {
      server = await startStandIn({ status: 200 });
      expect(lineOf(await examineServer(server.dataDir))).toBe(`ok    server: ready at ${server.url}`);
    });

    it("calls one a fault that is not ready, in its words", async () => {
      server = await startStandIn({ status: 503 });
      expect(lineOf(await examineServer(server.dataDir))).toMatch(/^FAIL .* is not ready: stand-in says 503/);
    });

    it("notes one that does not answer, and one that ended", async () => {
      server = await startStandIn({ status: null });
      expect(lineOf(await examineServer(server.dataDir))).toMatch(/^note .* does not answer at http/);
      await server.end();
      expect(lineOf(await examineServer(server.dataDir))).toMatch(/^note {2}server: none runs/);
    });
  });
});
