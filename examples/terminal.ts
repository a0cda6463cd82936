/**
 * Runs a command in a terminal of a session, prints what the terminal shows, and exits with the command's exit code.
 *
 *   OPENAGENT_URL=http://127.0.0.1:3000 OPENAGENT_TOKEN=oa_… npx tsx examples/terminal.ts [ses_…] [command]
 *
 * Without an id it takes the newest session, without a command `cat hello.html`, so it fits behind
 * `examples/hello.ts --keep`.
 */
import { createClient, explainFailure, openTerminal } from "openagent/client";

const url = process.env.OPENAGENT_URL ?? "http://127.0.0.1:3000";
const token = process.env.OPENAGENT_TOKEN;
if (!token) {
  console.error(
    "Set OPENAGENT_TOKEN. Make one with: npm run --silent admin -- token create --email you@example.com",
  );
  process.exit(2);
}
const client = createClient({ url, token });

try {
  process.exitCode = await main(process.argv.slice(2), token);
} catch (error) {
  console.error(explainFailure(error, { url }));
  process.exitCode = 1;
}

/** Returns the exit code. */
async function main(words: string[], token: string): Promise<number> {
  const sessionId = words[0]?.startsWith("ses_")
    ? words.shift()
    : (await client.sessions.list.query({ limit: 1 })).items[0]?.id;
  const command = words.join(" ") || "cat hello.html";
  if (!sessionId) {
    console.error("There is no session. Make one with: npx tsx examples/hello.ts --keep");
    return 2;
  }
  const terminal = await openTerminal(client, {
    url,
    token,
    sessionId,
    cols: process.stdout.columns || 80,
    rows: process.stdout.rows || 24,
    onOutput: (data) => process.stdout.write(data),
  });
  // As typed by hand: the shell echoes it, runs it, and leaves with its exit code.
  terminal.write(`${command}\nexit\n`);
  try {
    return await terminal.exited;
  } finally {
    await terminal.close({ end: true });
  }
}
