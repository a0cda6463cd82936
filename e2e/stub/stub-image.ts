/** A session image whose sidecar is {@link file://./stub-sidecar.ts}: a hundred of its sessions fit on a small machine. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { docker, ROOT } from "../harness";

export interface StubImage {
  /** For OPENAGENT_SESSION_IMAGE. */
  ref: string;
  /** Once no container of it is left. */
  remove(): Promise<void>;
}

/** @param base full reference of the session image, which must be on the engine */
export async function buildStubImage(base: string): Promise<StubImage> {
  const dir = mkdtempSync(join(tmpdir(), "oa-stub-"));
  try {
    await build({
      absWorkingDir: ROOT,
      entryPoints: ["e2e/stub/stub-sidecar.ts"],
      outfile: join(dir, "main.mjs"),
      bundle: true,
      platform: "node",
      target: "node24",
      format: "esm",
      logLevel: "warning",
    });
    writeFileSync(
      join(dir, "Dockerfile"),
      `FROM ${base}\nCOPY --chown=0:0 main.mjs /opt/openagent/sidecar/main.mjs\n`,
    );
    const ref = `openagent-stub:${randomBytes(4).toString("hex")}`;
    await docker("build", "-q", "-t", ref, dir);
    return { ref, remove: async () => void (await docker("rmi", "--no-prune", ref)) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
