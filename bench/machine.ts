import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import type Docker from "dockerode";
import { nodeProgram } from "../scripts/lib/environment.mjs";

/** One line on what the figures were taken on: without it they mean nothing. */
export async function describeMachine(docker: Docker): Promise<string> {
  const engine = await docker.version();
  const cores = cpus();
  const memoryGb = (totalmem() / 1024 ** 3).toFixed(1);
  return [
    `${cores.length} cores (${cores[0]?.model.trim() ?? "unknown"})`,
    `${memoryGb} GiB`,
    `Linux ${release()}`,
    `Docker ${engine.Version}`,
    // What the product runs on; these benches run on whichever Node started them.
    `Node ${execFileSync(nodeProgram(), ["--version"]).toString().trim().slice(1)}`,
    `load at the start ${loadavg()[0]?.toFixed(2) ?? "unknown"}`,
    new Date().toISOString().slice(0, 10),
  ].join(" · ");
}
