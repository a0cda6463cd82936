import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * A hash over files and folders, by their paths and contents; missing ones count as empty.
 * @param {string} rootDir
 * @param {string[]} paths relative to it
 * @returns {string}
 */
export function hashSources(rootDir, paths) {
  const hash = createHash("sha256");
  for (const path of paths.flatMap((path) => listFiles(rootDir, path))) {
    const content = readFileSync(join(rootDir, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * @param {string} rootDir
 * @param {string} path
 * @returns {string[]}
 */
function listFiles(rootDir, path) {
  const absolute = join(rootDir, path);
  if (!existsSync(absolute)) return [];
  if (!statSync(absolute).isDirectory()) return [path];
  return readdirSync(absolute, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isFile())
    .map((entry) => `${path}/${entry.name}`)
    .sort()
    .flatMap((child) => listFiles(rootDir, child));
}

/**
 * Does the work unless the stamp says that it was done for the same sources and its product is there.
 * The stamp is written last, so work that broke off is done again.
 * @param {{ stampFile: string, hash: string, product: string }} stamp absolute paths
 * @param {() => Promise<void>} work
 * @returns {Promise<boolean>} whether it was done now
 */
export async function unlessFresh({ stampFile, hash, product }, work) {
  if (existsSync(product) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === hash) return false;
  await work();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, hash);
  return true;
}

/**
 * Whether node_modules holds what the lock file names. npm writes its hidden lock file last, so an installation that
 * broke off is not current; an `npm install` by hand that came to the same result is.
 * @param {{ packages?: Record<string, { version?: string, integrity?: string, optional?: boolean }> } | undefined} wanted package-lock.json
 * @param {{ packages?: Record<string, { version?: string, integrity?: string }> } | undefined} installed node_modules/.package-lock.json
 */
export function packagesAreCurrent(wanted, installed) {
  if (!wanted?.packages || !installed?.packages) return false;
  for (const [path, entry] of Object.entries(wanted.packages)) {
    const found = installed.packages[path];
    // Optional ones are left out where they are for another platform.
    if (path === "" || (!found && entry.optional)) continue;
    if (!found || found.version !== entry.version || found.integrity !== entry.integrity) return false;
  }
  return true;
}

/**
 * @param {string} path
 * @returns {any} undefined when the file is missing or no JSON
 */
export function readJson(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // A file cut off in the middle is as good as none.
    return undefined;
  }
}
