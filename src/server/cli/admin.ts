/** `npm run admin`: works on the data directory itself, beside a running server or without one. */
import { randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { text } from "node:stream/consumers";
import { desc, eq } from "drizzle-orm";
import { z } from "zod";
import { runningServerStartedWith } from "../../../scripts/lib/server-process.mjs";
import { loadAuthSettings } from "../auth/auth-settings";
import { systemClock } from "../clock";
import { composeAccounts, type AccountServices } from "../compose-accounts";
import { openDatabase, type Database } from "../db/database";
import { sessions, users } from "../db/schema";
import { EnvironmentError, readEnvironment, type Environment } from "../env";
import { AppError, notFound } from "../errors";
import { createOrigins } from "../http/origins";
import { askRebuild } from "../mirror/ask-rebuild";
import { jwksUri, storedJwks } from "../mirror/signing-key";
import { MIGRATIONS_DIR, ROOT } from "../project";
import { parseCommandLine, USAGE, UsageError, type Command } from "./command-line";
import { examine } from "./doctor/doctor";
import { lineOf } from "./doctor/finding";
import { askServer, ServerError } from "./ask-server";
import { withOwnToken } from "./own-token";
import { SCOPES } from "../trpc/policy";

/** Every event that the mirror holds is read. */
const COMPARE_MS = 5 * 60_000;
const REBUILD_MS = 60_000;

interface Tools {
  env: Environment;
  db: Database;
  accounts: AccountServices;
}

async function main(): Promise<void> {
  const command = parseCommandLine(process.argv.slice(2));
  if (command.name === "help") return print(USAGE);
  const env = readEnvironment();
  mkdirSync(env.dataDir, { recursive: true, mode: 0o700 });
  const database = openDatabase({ dataDir: env.dataDir, migrationsDir: MIGRATIONS_DIR, lock: false });
  try {
    const { db } = database;
    const authSettings = loadAuthSettings(db, env);
    const accounts = composeAccounts({ db, clock: systemClock, dataDir: env.dataDir, authSettings });
    await run(command, { env, db, accounts });
  } finally {
    database.close();
  }
}

async function run(command: Exclude<Command, { name: "help" }>, tools: Tools): Promise<void> {
  switch (command.name) {
    case "user create":
      return createUser(command.options, tools.accounts);
    case "user reset-password":
      return resetPassword(command.options, tools.accounts);
    case "token create":
      return createToken(command.options, tools.accounts);
    case "session list":
      return listSessions(tools.db);
    case "convex jwks":
      return printJwks(tools);
    case "mirror rebuild":
      return rebuildMirror(command.options, tools);
    case "doctor":
      return doctor(tools);
  }
}

type OptionsOf<Name extends Command["name"]> = Extract<Command, { name: Name }>["options"];

async function createUser(
  options: OptionsOf<"user create">,
  { people, claims }: AccountServices,
): Promise<void> {
  const password = await passwordFrom(options["password-stdin"]);
  const name = options.name ?? options.email.split("@")[0] ?? options.email;
  await people.create({ email: options.email, name, role: options.role, password });
  // An installation with an owner needs no claim code.
  if (options.role === "owner") claims.markClaimed();
  say(`${options.email} can sign in now, as ${options.role}.`);
  if (options["password-stdin"] === "made") print(password);
}

async function resetPassword(
  options: OptionsOf<"user reset-password">,
  { people, logins }: AccountServices,
): Promise<void> {
  const person = people.byEmail(options.email);
  if (person === null) throw notFound("person");
  const password = await passwordFrom(options["password-stdin"]);
  await people.resetPassword({ email: options.email, password });
  const signedOut = logins.revokeAllOf(person.id);
  say(`${options.email} has a new password; browsers signed out: ${signedOut}. Tokens go on.`);
  say("A lock of the account after too many wrong tries has ended with it.");
  if (options["password-stdin"] === "made") print(password);
}

async function createToken(
  options: OptionsOf<"token create">,
  { people, tokens }: AccountServices,
): Promise<void> {
  const person = people.byEmail(options.email);
  if (person === null || person.disabled) throw notFound("person");
  const { name, days } = options;
  // Whoever has a shell on the server may do everything; a token made in the browser gets `keys` only by name.
  const scopes = options.scopes ?? [...SCOPES];
  print(tokens.create({ userId: person.id, name, scopes, days }).token);
}

async function listSessions(db: Database): Promise<void> {
  const { id, status, lastActivityAt, title } = sessions;
  const rows = db
    .select({ id, status, owner: users.email, lastActivityAt, title })
    .from(sessions)
    .innerJoin(users, eq(sessions.ownerId, users.id))
    .orderBy(desc(lastActivityAt))
    .all();
  say(`${rows.length} ${rows.length === 1 ? "session" : "sessions"}`);
  // Titles are other people's text: control characters could steer the terminal that shows them.
  for (const row of rows)
    print(
      Object.values(row)
        .join("\t")
        .replace(/[^\P{C}\t]/gu, "\uFFFD"),
    );
}

/** As the environment of a Convex deployment is set; no secret. */
function printJwks({ env, db }: Tools): void {
  const jwks = storedJwks(db);
  if (jwks === null)
    throw new AppError(
      "PRECONDITION_FAILED",
      "not_found",
      `There is no key of Convex tokens yet: the first start makes it. Run "npm run up", then this again.`,
    );
  print(`OPENAGENT_ISSUER=${createOrigins(env).main}`);
  print(`OPENAGENT_JWKS=${jwksUri(jwks)}`);
}

/** A server that runs does it at once, and lets go too of what the mirror should not have; else the next start does it. */
async function rebuildMirror({ session }: OptionsOf<"mirror rebuild">, tools: Tools): Promise<void> {
  const server = runningServerStartedWith(tools.env.dataDir);
  const input = session === undefined ? {} : { sessionId: session };
  const asked =
    server === undefined
      ? null
      : await withOwnToken(tools, (token) =>
          askServer(server, { path: "mirror.rebuild", method: "POST", token, input, timeoutMs: REBUILD_MS }),
        );
  const count =
    asked === null ? askRebuild(tools.db, session) : z.object({ sessions: z.number() }).parse(asked).sessions;
  const when = server === undefined ? "as soon as the server runs (npm run up)" : "now";
  say(`The mirror is told again of ${count} ${count === 1 ? "session" : "sessions"}, ${when}.`);
}

async function doctor(tools: Tools): Promise<void> {
  const server = runningServerStartedWith(tools.env.dataDir);
  const compareMirror =
    server === undefined
      ? null
      : () =>
          withOwnToken(tools, (token) =>
            askServer(server, { path: "mirror.compare", method: "GET", token, timeoutMs: COMPARE_MS }),
          );
  const findings = await examine({ env: tools.env, db: tools.db, root: ROOT, compareMirror });
  for (const finding of findings) print(lineOf(finding));
  if (findings.some(({ problem }) => problem !== null)) process.exitCode = 1;
}

/** Of letters and digits that nobody mixes up: some 115 bits. */
function makePassword(): string {
  const alphabet = "abcdefghjkmnpqrstuvwxyz23456789";
  const group = () => Array.from({ length: 6 }, () => alphabet.charAt(randomInt(alphabet.length))).join("");
  return [group(), group(), group(), group()].join("-");
}

async function passwordFrom(source: "stdin" | "made"): Promise<string> {
  return source === "made" ? makePassword() : (await text(process.stdin)).replace(/\r?\n$/, "");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

main().catch((error: unknown) => {
  if (error instanceof UsageError) say(`${error.message}\n\n${USAGE}`);
  else if (error instanceof AppError || error instanceof EnvironmentError || error instanceof ServerError)
    say(error.message);
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
