/**
 * `npm test`: prepares as `npm run up` does, then types, lint, unit tests, and the tests with a real engine and a real
 * browser. Stops at the first step that fails. The last line is `N passed, N failed`.
 *
 * `npm run test:long`: the same preparations, then the tests that take an hour.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { childEnvironment, nodeProgram, readEnvironment, ROOT } from "./lib/environment.mjs";
import { readJson } from "./lib/freshness.mjs";
import { checkMachine } from "./lib/preflight.mjs";
import { prepareApp, prepareEngine, prepareImage, preparePackages } from "./lib/prepare.mjs";
import { runCommand, SetupError } from "./lib/setup-error.mjs";
import { runProgram, step } from "./lib/steps.mjs";

const REPORTS = join(ROOT, ".cache/test");
const CHROMIUM = "/usr/bin/chromium";
const isLong = process.argv[2] === "long";
const counts = { passed: 0, failed: 0 };

await runCommand(async () => {
  rmSync(REPORTS, { recursive: true, force: true });
  mkdirSync(REPORTS, { recursive: true });
  const environment = readEnvironment();
  checkMachine({
    rootDir: ROOT,
    dataDir: REPORTS,
    firstTime: !existsSync(join(ROOT, "dist/server/main.mjs")),
  });
  await prepareEngine(environment);
  await preparePackages(environment);
  if (!isLong && !existsSync(CHROMIUM)) await step("Chromium", installChromium);
  const image = await prepareImage(environment);
  await prepareApp(environment);
  if (isLong) return step("long tests", () => vitest(environment, { project: "long", image }));
  // Side by side: each of them uses one core.
  const checks = await Promise.allSettled([
    step("types", async () => {
      await tool("typescript/bin/tsc", ["--noEmit", "-p", "."]);
      // With the types that Convex has, which lack Node's.
      await tool("typescript/bin/tsc", ["--noEmit", "-p", "convex"]);
    }),
    step("lint", async () => {
      await tool("eslint/bin/eslint.js", ["."]);
      await tool("prettier/bin/prettier.cjs", ["--check", "--log-level", "warn", "."]);
    }),
  ]);
  for (const check of checks) if (check.status === "rejected") throw check.reason;
  await step("unit tests", () => vitest(environment, { project: "unit", image }));
  await step("integration and end-to-end tests", () =>
    vitest(environment, { project: "integration", image }),
  );
});
// A check that is no test, or a preparation, has failed.
if (process.exitCode && counts.failed === 0) counts.failed = 1;
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);

async function installChromium() {
  const next = "Install it with `sudo apt-get install -y chromium`, then `npm test`.";
  if (process.getuid?.() !== 0)
    throw new SetupError(`The end-to-end tests need Chromium at ${CHROMIUM}. ${next}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const failure = `Chromium could not be installed with apt. ${next}`;
  await runProgram("apt-get", ["update"], { env, failure });
  await runProgram("apt-get", ["install", "-y", "--no-install-recommends", "chromium"], { env, failure });
}

/**
 * @param {string} path below node_modules
 * @param {string[]} args
 */
async function tool(path, args) {
  await runProgram(nodeProgram(), [join(ROOT, "node_modules", path), ...args], {
    cwd: ROOT,
    show: "everything",
    failure: "A check failed: its lines are above.",
  });
}

/**
 * @param {import("./lib/environment.mjs").Environment} environment
 * @param {{ project: string, image: string }} plan
 */
async function vitest(environment, { project, image }) {
  const report = join(REPORTS, `${project}.json`);
  const args = [
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const child = spawn(nodeProgram(), [join(ROOT, "node_modules/vitest/vitest.mjs"), ...args], {
    cwd: ROOT,
    env: childEnvironment(environment, { OPENAGENT_SESSION_IMAGE: image }),
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  const result = readJson(report);
  counts.passed += result?.numPassedTests ?? 0;
  counts.failed += result?.numFailedTests ?? 0;
  if (code !== 0) {
    throw new SetupError(`The ${project} tests failed: their lines are above.`);
  }
}
