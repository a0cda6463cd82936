/**
 * The baseline of what a session costs: `docker run` of the session image with opencode alone in it.
 *
 * Its time includes the docker command itself, creating and starting a container with the session's limits, and
 * `opencode serve` as the agent's uid with the environment and configuration that the sidecar gives it (demo model only),
 * until opencode says that it listens. It does not include what a session has besides: volumes, read-only root, run
 * directory, sidecar, registration, keys, the two proxies.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_UID, PATHS, PORTS } from "../sidecar/src/image-places";
import { imageConfig } from "../sidecar/src/config";
import { renderOpencodeConfig } from "../sidecar/src/opencode/config-file";
import { opencodeEnvironment } from "../sidecar/src/opencode/environment";
import type { BenchContext } from "./context";

/** The same as INSTANCE_LIMITS of the server, which a program outside it does not import. */
const LIMITS = ["--memory=2g", "--memory-swap=2g", "--cpus=2", "--pids-limit=512"];
const CONFIG_FILE = "/etc/opencode-bench.json";
const LISTENING = /opencode server listening on http:\/\//;
const START_LIMIT_MS = 60_000;

export interface BareContainer {
  id: string;
  /** From the command to the line, ms. */
  startMs: number;
  remove(): Promise<void>;
}

/** Runs one until opencode listens. The caller removes it. */
export async function runBareContainer(ctx: BenchContext): Promise<BareContainer> {
  const dir = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const configFile = join(dir, "opencode.json");
  writeFileSync(configFile, opencodeConfig());
  chmodSync(dir, 0o755);
  const name = `oa-bench-${randomBytes(4).toString("hex")}`;
  const remove = ctx.cleanup.add(async () => {
    await ctx.docker.getContainer(name).remove({ force: true, v: true }).catch(ignoreMissing);
    rmSync(dir, { recursive: true, force: true });
  });
  try {
    const startMs = await listening(dockerArgs({ name, configFile, image: ctx.image }));
    return { id: name, startMs, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** With `--rm` one that ended by itself is gone already. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && "statusCode" in error && error.statusCode === 404)) throw error;
}

function opencodeConfig(): string {
  return renderOpencodeConfig({
    providers: [],
    settings: {
      model: { providerId: "demo", modelId: "demo-1" },
      agent: "build",
      permissionMode: "ask",
      title: "Bench",
    },
    credentialProxyPort: PORTS.credentialProxy,
  });
}

function dockerArgs(opts: { name: string; configFile: string; image: string }): string[] {
  const own = { configFile: CONFIG_FILE, password: randomBytes(16).toString("hex") };
  const environment = opencodeEnvironment(imageConfig({}), own);
  return [
    ...["run", "-i", "--rm", "--name", opts.name, "--network=none", ...LIMITS],
    ...["-v", `${opts.configFile}:${CONFIG_FILE}:ro`],
    ...Object.entries(environment).flatMap(([key, value]) => ["-e", `${key}=${value}`]),
    ...["--entrypoint", "/usr/bin/setpriv", opts.image],
    ...[`--reuid=${AGENT_UID}`, `--regid=${AGENT_UID}`, "--clear-groups", "--inh-caps=-all", "--"],
    ...[PATHS.opencode, "serve", "--hostname=127.0.0.1", `--port=${PORTS.opencode}`],
  ];
}

function listening(args: readonly string[]): Promise<number> {
  const begun = performance.now();
  const child = spawn("docker", args, { stdio: ["pipe", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let output = "";
    const timer = setTimeout(() => fail(`no line within ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS);
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`The baseline container did not start: ${why}\n${output.slice(-2000)}`));
    };
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => fail(`docker run ended with ${code}`));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    // Read on after the line: a full pipe would stop opencode.
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (!LISTENING.test(output)) return;
      clearTimeout(timer);
      resolve(performance.now() - begun);
    });
  });
}
