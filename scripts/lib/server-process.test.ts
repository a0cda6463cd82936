import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ROOT } from "./environment.mjs";
import { askReadiness, recordServer, runningServer, runningServerStartedWith } from "./server-process.mjs";
import { startStandIn, type StandIn } from "./server-stand-in.testing";

describe("the server of a data directory", () => {
  let server: StandIn | null = null;
  afterEach(async () => server?.close());

  it("is found with what it was started with, until it ends", async () => {
    server = await startStandIn({ status: 200 });
    const { dataDir, port, url } = server;
    expect(runningServerStartedWith(dataDir)).toEqual({ port, url, localUrl: url, image: "image:1" });
    expect(await askReadiness({ localUrl: url })).toMatchObject({ ready: true, answered: true });
    await server.end();
    expect(runningServer(dataDir)).toBeUndefined();
    expect(runningServerStartedWith(dataDir)).toBeUndefined();
  });

  it("tells its readiness wherever it listens", async () => {
    // The nearest thing to an address of a network that every machine has.
    server = await startStandIn({ status: 200, host: "127.0.0.2" });
    expect(await askReadiness({ localUrl: server.url })).toMatchObject({ ready: true, answered: true });
  });

  it("is not another program that has its pid", async () => {
    server = await startStandIn({ status: 200 });
    const { dataDir, port, url } = server;
    recordServer(dataDir, { pid: process.pid, startedWith: { port, url, localUrl: url, image: "image:1" } });
    expect(runningServer(dataDir)).toBeUndefined();
  });

  it("is found when another checkout started it, and by another path to its directory", async () => {
    server = await startStandIn({ status: 200, entry: "/srv/other/dist/server/main.mjs" });
    const { dataDir } = server;
    const link = `${dataDir}-link`;
    symlinkSync(dataDir, link);
    try {
      expect(runningServer(dataDir)).toBeGreaterThan(1);
      expect(runningServer(link)).toBe(runningServer(dataDir));
    } finally {
      unlinkSync(link);
    }
  });

  it("is not the server of another directory that has its pid", async () => {
    server = await startStandIn({ status: 200 });
    const pid = runningServer(server.dataDir) ?? 0;
    const { port, url } = server;
    const other = mkdtempSync(join(tmpdir(), "oa-other-"));
    try {
      recordServer(other, { pid, startedWith: { port, url, localUrl: url, image: "image:1" } });
      expect(pid).toBeGreaterThan(1);
      expect(runningServer(other)).toBeUndefined();
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  it.each(["", "{", '{"port":"x"}'])("is found by its pid alone beside %j", async (rest) => {
    server = await startStandIn({ status: 200 });
    const pid = runningServer(server.dataDir);
    writeFileSync(join(server.dataDir, "server.pid"), `${pid}\n${rest}`);
    expect(pid).toBeGreaterThan(1);
    expect(runningServer(server.dataDir)).toBe(pid);
    expect(runningServerStartedWith(server.dataDir)).toBeUndefined();
  });

  it("is ready for `npm run up` on the port that it listens on, whatever PORT says", async () => {
    server = await startStandIn({ status: 200 });
    const { code, stdout, stderr } = await up(server.dataDir);
    expect(stderr).toContain(`The server runs already, on port ${server.port}.`);
    expect(stdout).toBe(`OPENAGENT_READY {"url":"${server.url}","claimCode":null}\n`);
    expect(code).toBe(0);
  });
});

/** `npm run up` without PORT. */
function up(dataDir: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(ROOT, "scripts/up.mjs")], {
    env: { NODE_ENV: "production", OPENAGENT_DATA_DIR: dataDir },
  });
  const out = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...out }));
  });
}
