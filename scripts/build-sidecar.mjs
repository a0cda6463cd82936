/**
 * Bundles the sidecar into one file, dist/sidecar/main.mjs, for the session image's Node 24.
 * Run as it is, or import {@link buildSidecar}. Needs `npm ci`.
 */
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * @param {{ rootDir: string }} options the project's root
 * @returns {Promise<string>} the bundle's path
 */
export async function buildSidecar({ rootDir }) {
  // Imported late: this module is loaded by scripts that run before `npm ci`.
  const { build } = await import("esbuild");
  const { version } = JSON.parse(readFileSync(join(rootDir, "package.json"), "utf8"));
  const outfile = join(rootDir, "dist/sidecar/main.mjs");
  await build({
    absWorkingDir: rootDir,
    entryPoints: ["sidecar/src/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    // Its native file cannot be bundled; the image has the package beside the bundle.
    external: ["@lydell/node-pty"],
    define: { OPENAGENT_SIDECAR_VERSION: JSON.stringify(version) },
    // CommonJS packages inside the bundle call require.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    legalComments: "none",
    logLevel: "warning",
  });
  return outfile;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await buildSidecar({ rootDir: fileURLToPath(new URL("..", import.meta.url)) }).catch(() => {
    // esbuild has printed what is wrong, with the lines.
    process.exitCode = 1;
  });
}
