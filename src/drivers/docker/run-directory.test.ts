import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  checkRunDir,
  hasRunDirectory,
  lockRunDirectory,
  MAX_SOCKET_PATH_BYTES,
  prepareRunDirectory,
  removeRunDirectory,
} from "./run-directory";

const INSTANCE = "ins_0123456789abcdef";

describe("run directory", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "oa-"));
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  async function mode(path: string): Promise<string> {
    return ((await stat(path)).mode & 0o7777).toString(8);
  }

  it("is 1777 inside a parent that is 0700, whatever the umask and whatever was there", async () => {
    const runDir = join(root, "run");
    const umask = process.umask(0o077);
    try {
      const endpoint = await prepareRunDirectory(runDir, INSTANCE);
      expect(endpoint).toEqual({
        sidecarSocket: join(runDir, INSTANCE, "sidecar.sock"),
        egressSocket: join(runDir, INSTANCE, "egress.sock"),
      });
    } finally {
      process.umask(umask);
    }
    expect(await mode(join(runDir, INSTANCE))).toBe("1777");
    expect(await mode(runDir)).toBe("700");

    await chmod(join(runDir, INSTANCE), 0o700);
    await chmod(runDir, 0o755);
    await writeFile(join(runDir, INSTANCE, "kept"), "");
    await prepareRunDirectory(runDir, INSTANCE);
    expect(await mode(join(runDir, INSTANCE))).toBe("1777");
    expect(await mode(runDir)).toBe("700");
    expect(await mode(join(runDir, INSTANCE, "kept"))).not.toBe("");
  });

  it("stays locked, also for a server that takes the instance up again", async () => {
    await prepareRunDirectory(root, INSTANCE);
    await lockRunDirectory(root, INSTANCE);
    expect(await mode(join(root, INSTANCE))).toBe("755");
    await prepareRunDirectory(root, INSTANCE);
    expect(await mode(join(root, INSTANCE))).toBe("755");
  });

  it("goes with all in it, twice, and leaves what stands beside it", async () => {
    await prepareRunDirectory(root, INSTANCE);
    await prepareRunDirectory(root, "ins_neighbour");
    await mkdir(join(root, INSTANCE, "of-the-agent", "deep"), { recursive: true });
    await removeRunDirectory(root, INSTANCE);
    await removeRunDirectory(root, INSTANCE);
    expect(await hasRunDirectory(root, INSTANCE)).toBe(false);
    expect(await hasRunDirectory(root, "ins_neighbour")).toBe(true);
  });

  it.each(["../../etc", "ins_0000/0000", ".", ""])("refuses %j as an instance", async (id) => {
    await expect(prepareRunDirectory(root, id)).rejects.toThrow(/not an id/);
    await expect(lockRunDirectory(root, id)).rejects.toThrow(/not an id/);
    await expect(removeRunDirectory(root, id)).rejects.toThrow(/not an id/);
  });

  it("refuses a path under which a socket's would be cut, and takes one that just fits", () => {
    const overhead = `/ins_${"0".repeat(32)}/sidecar.sock`.length;
    const fits = `/${"d".repeat(MAX_SOCKET_PATH_BYTES - overhead - 1)}`;
    expect(() => checkRunDir(fits)).not.toThrow();
    expect(() => checkRunDir(`${fits}x`)).toThrow(/OPENAGENT_DATA_DIR.*1 bytes shorter/);
    // Counted in bytes: an umlaut is two.
    expect(() => checkRunDir(`${fits.slice(0, -1)}ü`)).toThrow(/OPENAGENT_DATA_DIR/);
    expect(() => checkRunDir("data/run")).toThrow(/OPENAGENT_DATA_DIR/);
  });
});
