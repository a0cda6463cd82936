/**
 * Bundles the server into dist/server/main.mjs; packages stay in node_modules. Run after `npm ci`.
 */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: ["src/server/main.ts"],
  outfile: "dist/server/main.mjs",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
}).catch(() => {
  // esbuild has printed what is wrong, with the lines.
  process.exitCode = 1;
});
