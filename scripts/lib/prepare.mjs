import { join } from "node:path";
import { checkEngineDisk } from "./disk-space.mjs";
import { childEnvironment, nodeProgram, pathWithPinnedNode, ROOT } from "./environment.mjs";
import { ensureEngine } from "./engine.mjs";
import { hashSources, packagesAreCurrent, readJson, unlessFresh } from "./freshness.mjs";
import { runProgram, step } from "./steps.mjs";

/** Owner of /workspace in the image, unless the server has this uid: then the agent could replace its sockets. */
const AGENT_UID = 1000;

const APP_SOURCES = [
  "src",
  "convex",
  "sidecar",
  "public",
  "package-lock.json",
  "next.config.ts",
  "postcss.config.mjs",
  "tsconfig.json",
  "scripts/build-server.mjs",
  "scripts/compress-static.mjs",
  "scripts/lib/listen-host.mjs",
];
const SIDECAR_SOURCES = ["sidecar", "package.json", "package-lock.json", "scripts/build-sidecar.mjs"];

/** @typedef {import("./environment.mjs").Environment} Environment */

/** @param {Environment} environment @throws {import("./setup-error.mjs").SetupError} */
export async function prepareEngine(environment) {
  await step("Docker engine", () =>
    ensureEngine({
      socketPath: environment.dockerSocket,
      socketGiven: environment.dockerSocketGiven,
      stateDir: join(ROOT, ".cache/engine"),
    }),
  );
}

/** `npm ci`, where node_modules is not what the lock file says. @param {Environment} environment */
export async function preparePackages(environment) {
  const wanted = readJson(join(ROOT, "package-lock.json"));
  const installed = readJson(join(ROOT, "node_modules/.package-lock.json"));
  if (packagesAreCurrent(wanted, installed)) return;
  await step("npm packages (a minute or two the first time)", () =>
    // The build needs the development packages whatever NODE_ENV says.
    runProgram("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=warn"], {
      cwd: ROOT,
      env: childEnvironment(environment),
      failure:
        "npm could not install the packages. Mend what its lines above name (often the way to the registry; EXTRA_CA_FILE names a network's own certificates), then try again.",
    }),
  );
}

/**
 * The session image, built when its inputs changed.
 * @param {Environment} environment
 * @returns {Promise<string>} its reference
 */
export async function prepareImage(environment) {
  await checkEngineDisk(environment.dockerSocket);
  const env = childEnvironment(environment);
  const bundle = {
    stampFile: join(ROOT, "dist/sidecar/.stamp"),
    product: join(ROOT, "dist/sidecar/main.mjs"),
    hash: hashSources(ROOT, SIDECAR_SOURCES),
  };
  await unlessFresh(bundle, async () => {
    await runProgram(nodeProgram(), ["scripts/build-sidecar.mjs"], {
      cwd: ROOT,
      env,
      failure: "The sidecar could not be bundled. Mend what esbuild names above, then try again.",
    });
  });
  const args = [
    "--import",
    "tsx",
    "src/drivers/docker/image/cli.ts",
    "--socket",
    environment.dockerSocket,
    "--cache",
    join(ROOT, ".cache/image"),
  ];
  if (environment.extraCaFile) args.push("--extra-ca", environment.extraCaFile);
  if (process.getuid?.() === AGENT_UID) args.push("--agent-uid", String(AGENT_UID + 1));
  const out = await step("session image (a few minutes the first time)", () =>
    runProgram(nodeProgram(), args, {
      cwd: ROOT,
      env,
      show: "stderr",
      failure: "Without its image no session can start: do what the lines above say.",
    }),
  );
  return out.trim();
}

/** Next's pages and the server's bundle, built when a source changed. @param {Environment} environment */
export async function prepareApp(environment) {
  const build = {
    stampFile: join(ROOT, "dist/server/.stamp"),
    product: join(ROOT, "dist/server/main.mjs"),
    hash: hashSources(ROOT, APP_SOURCES),
  };
  await unlessFresh(build, () => step("build of the app", () => buildApp(environment)));
}

/** @param {Environment} environment */
async function buildApp(environment) {
  const options = {
    cwd: ROOT,
    env: childEnvironment(environment, { NODE_ENV: "production", PATH: pathWithPinnedNode() }),
    failure: "The app could not be built. Mend what the lines above name, then try again.",
  };
  await runProgram(nodeProgram(), ["node_modules/next/dist/bin/next", "build"], options);
  await runProgram(nodeProgram(), ["scripts/compress-static.mjs"], options);
  await runProgram(nodeProgram(), ["scripts/build-server.mjs"], options);
}
