/** `npm run down`: stops the server of this data directory. Sessions stay. */
import { readEnvironment } from "./lib/environment.mjs";
import { runningServer, stopServer } from "./lib/server-process.mjs";
import { runCommand } from "./lib/setup-error.mjs";
import { say } from "./lib/steps.mjs";

await runCommand(async () => {
  const { dataDir } = readEnvironment();
  const pid = runningServer(dataDir);
  if (pid === undefined) {
    say(`No server runs on ${dataDir}.`);
    return;
  }
  await stopServer({ dataDir, pid, deadlineMs: 10_000 });
  say("The server has stopped. Sessions stay; `npm run up` starts it again.");
});
