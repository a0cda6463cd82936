/** `npm run up`: makes everything that is missing and starts the server in the background. See README. */
import { existsSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { childEnvironment, readEnvironment, ROOT } from "./lib/environment.mjs";
import { oneAtATime } from "./lib/one-at-a-time.mjs";
import { checkHost, checkMachine, checkPort, makeDataDirectory } from "./lib/preflight.mjs";
import { prepareApp, prepareEngine, prepareImage, preparePackages } from "./lib/prepare.mjs";
import {
  claimCode,
  runningServer,
  runningServerStartedWith,
  startServer,
  untilReady,
} from "./lib/server-process.mjs";
import { runCommand } from "./lib/setup-error.mjs";
import { say, step } from "./lib/steps.mjs";

await runCommand(async () => {
  const environment = readEnvironment();
  const onWait = () => say("Another `npm run up` is at work on this data directory; waiting for it to end.");
  await oneAtATime({ file: makeDataDirectory(environment.dataDir), onWait }, () => up(environment));
});

/** @param {import("./lib/environment.mjs").Environment} environment */
async function up(environment) {
  const { dataDir } = environment;
  if (runningServer(dataDir) !== undefined) {
    await announceRunning(environment);
    return;
  }
  const hint = checkHost(environment);
  if (hint) say(hint);
  checkMachine({ rootDir: ROOT, dataDir, firstTime: !existsSync(join(ROOT, "dist/server/main.mjs")) });
  await checkPort(environment);
  await prepareEngine(environment);
  await preparePackages(environment);
  const image = await prepareImage(environment);
  await prepareApp(environment);
  await step("server", () => start(environment, image));
  announce(environment);
}

/** @param {import("./lib/environment.mjs").Environment} environment */
async function announceRunning(environment) {
  const running = { ...environment, ...runningServerStartedWith(environment.dataDir) };
  say(`The server runs already, on port ${running.port}.`);
  if (running.port !== environment.port) {
    say(`For port ${environment.port}: \`npm run down\`, then PORT=${environment.port} npm run up.`);
  }
  await untilReady({ environment: running, deadlineMs: 15_000 });
  announce(running);
}

/**
 * @param {import("./lib/environment.mjs").Environment} environment
 * @param {string} image
 */
async function start(environment, image) {
  const { dataDir } = environment;
  const env = childEnvironment(environment, {
    NODE_ENV: "production",
    OPENAGENT_SESSION_IMAGE: image,
    OPENAGENT_DATA_DIR: dataDir,
  });
  const { child, logFrom } = startServer({ environment, env, image });
  let ended = false;
  child.once("error", () => (ended = true));
  child.once("exit", () => (ended = true));
  await untilReady({ environment, hasEnded: () => ended, logFrom });
  child.unref();
}

/** @param {import("./lib/environment.mjs").Environment} environment */
function announce(environment) {
  const code = claimCode(environment.dataDir);
  say(`\nOpenAgent is ready: ${environment.url}`);
  if (code) say(`It has no owner yet. Open the address and give this code: ${code}`);
  const { port, url, localUrl } = environment;
  if (["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname)) {
    const listensOn = new URL(localUrl).hostname;
    say(
      `From another machine: ssh -N -L ${port}:${listensOn}:${port} ${userInfo().username}@${hostname()}, then open ${url}`,
    );
  }
  say("`npm run logs` shows what it does, `npm run down` stops it; sessions stay.");
  process.stdout.write(`OPENAGENT_READY ${JSON.stringify({ url: environment.url, claimCode: code })}\n`);
}
