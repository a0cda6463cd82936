/** `npm run backup`: one encrypted file of everything but the master key, beside a running server or without one. */
import { makeBackup } from "../backup/make-backup";
import { composeDriver } from "../compose-engine";
import { readEnvironment } from "../env";
import { ownVersion, ROOT } from "../project";
import {
  createProgress,
  interruption,
  megabytes,
  parseArchiveCommand,
  passphraseOf,
  runArchiveCommand,
  say,
} from "./archive-command";

const USAGE = `Usage: npm run backup -- FILE [--passphrase-stdin]

Writes one encrypted file: database, sessions' files, stored keys. The passphrase is asked for,
or taken from OPENAGENT_BACKUP_PASSPHRASE, or with --passphrase-stdin from standard input.
The master key is not in it: keep a copy of that apart. docs/backup.md says how to restore.`;

runArchiveCommand(USAGE, async () => {
  const command = parseArchiveCommand(process.argv.slice(2), { cwd: process.cwd(), takesReplace: false });
  const { file } = command;
  if (file === null) return void process.stdout.write(`${USAGE}\n`);
  const env = readEnvironment();
  const passphrase = await passphraseOf(command, env, ["Passphrase: ", "Again: "]);
  const source = { dataDir: env.dataDir, driver: composeDriver({ env, root: ROOT }), version: ownVersion() };
  const tell = createProgress();
  const made = await makeBackup(source, {
    file,
    passphrase,
    signal: interruption(),
    onProgress: ({ session, of, bytes }) =>
      tell(() => `session ${session} of ${of}, ${megabytes(bytes)} so far`),
  });
  for (const what of made.leftOut.slice(0, 20)) say(`left out: ${what}`);
  if (made.leftOut.length > 20) say(`left out: ${made.leftOut.length - 20} more`);
  for (const id of made.withoutFiles) say(`${id} has no files on the engine; its chat is in the backup`);
  say(
    `${file}: ${megabytes(made.fileBytes)}, ${made.sessions.length} sessions with files. The master key ${env.masterKeyFile} is not in it: keep a copy of that apart.`,
  );
});
