/** `npm run logs`: follows the server's log; `npm run logs -- --no-follow` prints its last 200 lines. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readEnvironment } from "./lib/environment.mjs";
import { logFileOf } from "./lib/server-process.mjs";
import { runCommand, SetupError } from "./lib/setup-error.mjs";

await runCommand(async () => {
  const file = logFileOf(readEnvironment().dataDir);
  if (!existsSync(file))
    throw new SetupError(`There is no log yet at ${file}. Start the server with \`npm run up\`.`);
  const follow = process.argv.includes("--no-follow") ? [] : ["-F"];
  const tail = spawn("tail", ["-n", "200", ...follow, file], { stdio: "inherit" });
  // Ctrl-C reaches both; this process waits for tail.
  process.on("SIGINT", () => undefined);
  await new Promise((resolve) => tail.once("close", resolve));
});
