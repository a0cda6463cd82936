import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { clearStalePidFile, decide, pingEngine } from "./engine.mjs";

const missing = {
  code: "ENOENT",
  socketPath: "/var/run/docker.sock",
  socketGiven: false,
  isRoot: true,
  hasDockerd: false,
  hasApt: true,
};

describe("decide", () => {
  it("installs as root with apt, and starts what is installed", () => {
    expect(decide(missing)).toBe("install");
    expect(decide({ ...missing, hasDockerd: true })).toBe("start");
    expect(decide({ ...missing, hasDockerd: true, code: "ECONNREFUSED" })).toBe("start");
  });

  it.each([
    [
      "the socket is not for this user",
      { code: "EACCES", isRoot: false, hasDockerd: true },
      /usermod -aG docker/,
    ],
    [
      "it does not run and this is not root",
      { isRoot: false, hasDockerd: true },
      /sudo systemctl start docker/,
    ],
    ["it is not installed and this is not root", { isRoot: false }, /sudo apt-get install -y docker\.io/],
    ["it is not installed and there is no apt", { hasApt: false }, /docs\.docker\.com/],
    [
      "DOCKER_HOST names a socket that does not answer",
      { socketGiven: true, hasDockerd: true },
      /unset DOCKER_HOST/,
    ],
  ])("leaves it to the person when %s", (_when, change, sentence) => {
    expect(() => decide({ ...missing, ...change })).toThrow(sentence);
  });
});

describe("pingEngine", () => {
  it("tells an engine that answers from one that does not", async () => {
    const dir = await mkdtemp(join(tmpdir(), "openagent-ping-"));
    const socketPath = join(dir, "engine.sock");
    expect(await pingEngine(socketPath)).toBe("ENOENT");
    const status = { code: 200 };
    const engine = createServer((request, response) => {
      response.writeHead(request.url === "/_ping" ? status.code : 404).end("OK");
    });
    await new Promise<void>((resolve) => engine.listen(socketPath, resolve));
    expect(await pingEngine(socketPath)).toBeUndefined();
    status.code = 503;
    expect(await pingEngine(socketPath)).toBe("HTTP 503");
    await new Promise((resolve) => engine.close(resolve));
    await rm(dir, { recursive: true });
  });
});

describe("clearStalePidFile", () => {
  it("removes a file whose pid is nobody's, another program's or no number, and keeps a living engine's", async () => {
    const dir = await mkdtemp(join(tmpdir(), "oa-pid-"));
    const file = join(dir, "engine.pid");
    const own = (await readFile("/proc/self/comm", "utf8")).trim();
    const after = async (content: string, program: string) => {
      await writeFile(file, content);
      clearStalePidFile(file, program);
      return existsSync(file);
    };
    expect(await after(String(process.pid), own)).toBe(true);
    expect(await after(String(process.pid), "dockerd")).toBe(false);
    expect(await after("4194999", own)).toBe(false);
    expect(await after("x/../self", own)).toBe(false);
    clearStalePidFile(file, own);
    await rm(dir, { recursive: true });
  });
});
