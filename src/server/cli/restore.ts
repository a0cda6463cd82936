/** `npm run restore`: brings back what `npm run backup` wrote. */
import { join } from "node:path";
import { restoreBackup } from "../backup/restore";
import { composeDriver } from "../compose-engine";
import { readEnvironment } from "../env";
import { ownVersion, ROOT } from "../project";
import {
  createProgress,
  interruption,
  megabytes,
  migrationsKnown,
  parseArchiveCommand,
  passphraseOf,
  runArchiveCommand,
  say,
} from "./archive-command";

const USAGE = `Usage: npm run restore -- FILE [--passphrase-stdin] [--replace]

Restores into an empty OPENAGENT_DATA_DIR, with the master key already in its place. The whole file
is checked before anything is written. --replace saves an installation that is there first, as a
backup under the same passphrase, and puts this one in its place. No server may run.`;

runArchiveCommand(USAGE, async () => {
  const command = parseArchiveCommand(process.argv.slice(2), { cwd: process.cwd(), takesReplace: true });
  const { file } = command;
  if (file === null) return void process.stdout.write(`${USAGE}\n`);
  const env = readEnvironment();
  const passphrase = await passphraseOf(command, env, ["Passphrase: "]);
  const target = {
    dataDir: env.dataDir,
    masterKeyFile: env.masterKeyFile,
    ...migrationsKnown(),
    driver: composeDriver({ env, root: ROOT }),
    version: ownVersion(),
  };
  const tell = createProgress();
  const savedTo = join(
    env.dataDir,
    `replaced-${new Date().toISOString().replace(/[-:]|\.\d+/g, "")}.tar.age`,
  );
  const { sessions } = await restoreBackup(target, {
    file,
    passphrase,
    signal: interruption(),
    ...(command.replace ? { replace: { savedTo } } : {}),
    onProgress: ({ step, bytes, of }) =>
      tell(() => `${step}: ${megabytes(bytes)}${of === null ? "" : ` of ${megabytes(of)}`}`),
  });
  say(
    `Restored to ${env.dataDir}: ${sessions.length} sessions with files, all stopped. Start with "npm run up". Everybody signs in again; tokens are to be made anew.`,
  );
});
