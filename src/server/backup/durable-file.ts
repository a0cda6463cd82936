import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Writes a file that is there whole or not at all: under another name until it is on disk. Only its owner may read it; what was
 * there by that name is replaced.
 * @returns bytes written
 */
export async function writeDurably(file: string, content: AsyncIterable<Buffer>): Promise<number> {
  const draft = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}.part`);
  let bytes = 0;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      for await (const chunk of content) {
        await handle.appendFile(chunk);
        bytes += chunk.length;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(dirname(file));
  return bytes;
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
