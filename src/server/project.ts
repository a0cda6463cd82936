/** This project's own directory, and what the server reads of it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** Two folders up from here, in the sources (src/server) as in the bundle (dist/server). */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Of the database's schema, as `openDatabase` takes them. */
export const MIGRATIONS_DIR = join(ROOT, "src/server/db/migrations");

/** Of OpenAgent. */
export function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return z.object({ version: z.string() }).parse(manifest).version;
}
