/** `npm run dev`: the server in the foreground from its sources, pages rebuilt as they change. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  childEnvironment,
  nodeProgram,
  pathWithPinnedNode,
  readEnvironment,
  ROOT,
} from "./lib/environment.mjs";
import { checkHost, checkMachine, checkPort, makeDataDirectory } from "./lib/preflight.mjs";
import { prepareEngine, prepareImage, preparePackages } from "./lib/prepare.mjs";
import { runCommand } from "./lib/setup-error.mjs";
import { say } from "./lib/steps.mjs";

await runCommand(async () => {
  const environment = readEnvironment();
  const { dataDir } = environment;
  const hint = checkHost(environment);
  if (hint) say(hint);
  makeDataDirectory(dataDir);
  checkMachine({ rootDir: ROOT, dataDir, firstTime: !existsSync(join(ROOT, "dist/sidecar/main.mjs")) });
  await checkPort(environment);
  await prepareEngine(environment);
  await preparePackages(environment);
  const image = await prepareImage(environment);
  say(`Starting on ${environment.url}; Ctrl-C ends it.`);
  const env = childEnvironment(environment, {
    NODE_ENV: "development",
    PATH: pathWithPinnedNode(),
    OPENAGENT_SESSION_IMAGE: image,
    OPENAGENT_DATA_DIR: dataDir,
  });
  const server = spawn(nodeProgram(), ["--import", "tsx", "src/server/main.ts"], {
    cwd: ROOT,
    env,
    stdio: "inherit",
  });
  // A terminal's Ctrl-C reaches the server too; a signal to this process alone is passed on.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => server.kill("SIGTERM"));
  const code = await new Promise((resolve) => server.once("close", resolve));
  process.exitCode = code ?? 1;
});
