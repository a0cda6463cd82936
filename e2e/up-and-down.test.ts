/** `npm run up` and `npm run down` as a person types them, each installation with a port and a data directory of its own. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "../src/client/index";
import { containersOf, docker, ROOT, runTurn, sessionIs, volumesOf } from "./harness";

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

/** Also builds, where the sources are newer than what stands in dist/. */
describe("npm run up and down", { timeout: 300_000 }, () => {
  let dir: string;
  let port: number;
  let instance: string;

  beforeEach(async () => {
    // Short: the sockets of sessions stand below it.
    dir = mkdtempSync(join(tmpdir(), "oa-up-"));
    instance = `oa-t${randomBytes(4).toString("hex")}`;
    port = await withForeignServer(async (taken) => taken);
  });
  afterEach(async () => {
    await npm(["run", "down"]);
    const containers = await containersOf(instance);
    if (containers.length > 0) await docker("rm", "-f", ...containers);
    const volumes = await volumesOf(instance);
    if (volumes.length > 0) await docker("volume", "rm", "-f", ...volumes);
    rmSync(dir, { recursive: true });
  });

  it("starts once, tells scripts where, and keeps sessions while the server is down", async () => {
    const url = `http://127.0.0.1:${port}`;
    const first = await up();
    expect(first.code, first.stderr).toBe(0);
    const { claimCode, ...rest } = readyLine(first);
    expect(rest).toEqual({ url });
    expect(claimCode).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
    // npm's own two lines, then ours alone: progress is for people and goes to stderr.
    expect(
      first.stdout
        .replace(/^> .*$/gm, "")
        .trim()
        .split("\n"),
    ).toHaveLength(1);
    expect(readFileSync(join(dir, "claim-code"), "utf8").trim()).toBe(claimCode);
    expect(statSync(join(dir, "claim-code")).mode & 0o777).toBe(0o600);

    const email = "olivia@example.test";
    const owner = ["user", "create", "--email", email, "--role", "owner", "--password-stdin"];
    expect(await admin(owner, "correct horse battery\n")).toMatchObject({ code: 0, stdout: "" });
    const { stdout: token } = await admin(["token", "create", "--email", email]);
    expect(token).toMatch(/^oa_\S+\n$/);
    const second = await up();
    expect(second.code, second.stderr).toBe(0);
    expect(readyLine(second)).toEqual({ url, claimCode: null });

    const client = createClient({ url, token: token.trim() });
    const { id } = await client.sessions.create.mutate({ permissionMode: "auto" });
    await sessionIs(client, id, "idle");
    const [container = "", ...others] = await containersOf(instance);
    expect(others).toEqual([]);

    expect(await down()).toMatchObject({ code: 0 });
    await expect(fetch(url)).rejects.toThrow();
    expect(await down()).toMatchObject({ code: 0 });
    expect((await docker("inspect", "-f", "{{.State.Running}}", container)).trim()).toBe("true");

    const third = await up();
    expect(third.code, third.stderr).toBe(0);
    expect(readyLine(third)).toEqual({ url, claimCode: null });
    await sessionIs(client, id, "idle");
    expect(await containersOf(instance)).toEqual([container]);
    expect((await runTurn(client, { sessionId: id, text: "#script\nsay still here" })).text).toContain(
      "still here",
    );
    await client.sessions.remove.mutate({ id });
  });

  it("starts one server however many are asked for at once, and down ends it", async () => {
    const otherPort = await withForeignServer(async (taken) => taken);
    const ran = await Promise.all([up(), up(), up({ PORT: String(otherPort) })]);
    for (const { code, stderr } of ran) expect(code, stderr).toBe(0);
    const urls = new Set(ran.map((one) => readyLine(one).url));
    expect(urls.size).toBe(1);
    const [url = ""] = urls;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const ended = await down();
    expect(ended.stderr).toContain("The server has stopped");
    await expect(fetch(url)).rejects.toThrow();
  });

  it.skipIf(!hasIPv6)("starts on ::1 and is opened by that address", async () => {
    const ran = await up({ HOST: "::1" });
    expect(ran.code, ran.stderr).toBe(0);
    const { url } = readyLine(ran);
    expect(url).toBe(`http://[::1]:${port}`);
    expect(await (await fetch(`${url}/api/trpc/system.info`)).json()).toMatchObject({
      result: { data: { claimed: false } },
    });
  });

  it("names another port when another program listens on this one", async () => {
    await withForeignServer(async (taken) => {
      const ran = await up({ PORT: String(taken) });
      expect(refusal(ran)).toContain(`PORT=${taken + 1} npm run up`);
    });
  });

  it.each([
    ["an engine elsewhere", { DOCKER_HOST: "tcp://127.0.0.1:2375" }, /DOCKER_HOST must be .* Unset it/],
    ["a port that is none", { PORT: "http" }, /PORT must be .* Set it right/],
    ["an address at which nobody could open it", { HOST: "192.0.2.7" }, /Set OPENAGENT_URL/],
    ["a data directory that cannot be", { OPENAGENT_DATA_DIR: "/dev/null/data" }, /set OPENAGENT_DATA_DIR/],
  ])("refuses %s in a sentence with the next step", async (_what, variables, sentence) => {
    expect(refusal(await up(variables))).toMatch(sentence);
  });

  it("says what to mend when nothing is installed and the registry cannot be reached", async () => {
    const checkout = join(dir, "checkout");
    cpSync(join(ROOT, "scripts"), join(checkout, "scripts"), { recursive: true });
    for (const file of ["package.json", "package-lock.json"]) cpSync(join(ROOT, file), join(checkout, file));
    const ran = await up(
      {
        npm_config_registry: "http://127.0.0.1:9/",
        npm_config_cache: join(dir, "npm-cache"),
        npm_config_fetch_retries: "0",
      },
      { cwd: checkout },
    );
    expect(refusal(ran)).toMatch(/npm could not install the packages\. Mend what its lines above name/);
    expect(existsSync(join(dir, "server.pid"))).toBe(false);
  });

  const up = (more: Record<string, string> = {}, opts: { cwd?: string } = {}) =>
    npm(["run", "up"], { more, ...opts });
  const down = () => npm(["run", "down"]);
  const admin = (args: string[], input = "") => npm(["run", "--silent", "admin", "--", ...args], { input });

  /** Without what npm adds to its own scripts' PATH: a person's shell does not have it. */
  function npm(
    args: string[],
    opts: { more?: Record<string, string>; input?: string; cwd?: string } = {},
  ): Promise<Ran> {
    const path = process.env["PATH"]?.split(":").filter((place) => !place.endsWith("node_modules/.bin"));
    const child = spawn("npm", args, {
      cwd: opts.cwd ?? ROOT,
      env: {
        ...process.env,
        NODE_ENV: "production",
        PATH: path?.join(":"),
        PORT: String(port),
        OPENAGENT_DATA_DIR: dir,
        OPENAGENT_INSTANCE: instance,
        ...opts.more,
      },
    });
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
    child.stdin.end(opts.input ?? "");
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, ...out }));
    });
  }
});

/** As a script reads it that started the server. */
function readyLine({ stdout }: Ran): { url: string; claimCode: string | null } {
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  const [word, ...json] = last.split(" ");
  expect(word).toBe("OPENAGENT_READY");
  return JSON.parse(json.join(" ")) as { url: string; claimCode: string | null };
}

/** The sentence for the person, of a start that was refused. */
function refusal({ code, stdout, stderr }: Ran): string {
  expect(code).toBe(1);
  expect(stdout).not.toContain("OPENAGENT_READY");
  expect(stderr).not.toMatch(/^ +at /m);
  return stderr.trimEnd().split("\n").at(-1) ?? "";
}

/** Listens on a free port while `use` runs. */
async function withForeignServer<T>(use: (port: number) => Promise<T>): Promise<T> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    return await use(typeof address === "object" && address !== null ? address.port : 0);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
