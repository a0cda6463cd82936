/** Directories in the data directory that are there while a backup or a restore is under way. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** `backup`: plain copies of the database, beside it and as open to others as it. `restore`: what is to be put in place. */
type Work = "backup" | "restore";

/** Whoever called removes it. */
export function makeStaging(dataDir: string, work: Work): Promise<string> {
  return mkdtemp(join(dataDir, `${work}-`));
}

/** What one that was killed left; to be called by whoever holds the copy lock. */
export async function removeLeftStaging(dataDir: string, work: Work): Promise<void> {
  const isLeft = new RegExp(`^${work}-[A-Za-z0-9]{6}$`);
  for (const name of await readdir(dataDir))
    if (isLeft.test(name)) await rm(join(dataDir, name), { recursive: true, force: true });
}
