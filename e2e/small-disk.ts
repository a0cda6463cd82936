/** A disk that is small enough to be filled to its last block. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SmallDisk {
  /** Where it is mounted. */
  dir: string;
  /** Leaves no room for a single byte. @returns once nothing more fits */
  fill(): Promise<void>;
  /** Takes that away again. */
  free(): Promise<void>;
  close(): Promise<void>;
}

/** Runs a program where the disk is to be seen. */
type Inside = (...command: string[]) => Promise<string>;
const here: Inside = async (program = "", ...args) => (await run(program, args)).stdout;

export const canMount = process.getuid?.() === 0;

/**
 * ext4 on a loop device; in memory where there are no loop devices, which is as full when it is full.
 * @param opts.dir where to mount it; a directory of its own when not given
 * @param opts.inside in another mount namespace than this process's
 */
export async function mountSmallDisk(opts: {
  sizeMiB: number;
  dir?: string;
  inside?: Inside;
}): Promise<SmallDisk> {
  const { sizeMiB, inside = here } = opts;
  const own = mkdtempSync(join(tmpdir(), "oa-disk-"));
  const image = join(own, "image");
  const dir = opts.dir ?? join(own, "disk");
  const ballast = join(dir, `ballast-${randomBytes(4).toString("hex")}`);
  await inside("mkdir", "-p", dir);
  try {
    await inside("truncate", "-s", `${sizeMiB}M`, image);
    await inside("mkfs.ext4", "-q", "-m", "0", image);
    await inside("mount", "-o", "loop", image, dir);
  } catch {
    await inside("mount", "-t", "tmpfs", "-o", `size=${sizeMiB}m`, "small", dir);
  }
  return {
    dir,
    async fill() {
      // Byte by byte at the end: the last block is taken too.
      const script =
        'for bs in 1M 4k 1; do dd if=/dev/zero bs=$bs of="$1" oflag=append conv=notrunc; done; sync -f "$1"';
      await inside("sh", "-c", `${script} 2>/dev/null; true`, "fill", ballast);
    },
    free: async () => void (await inside("rm", "-f", ballast)),
    async close() {
      await inside("umount", "--lazy", dir);
      rmSync(own, { recursive: true, force: true });
    },
  };
}
