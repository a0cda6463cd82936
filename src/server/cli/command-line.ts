import { parseArgs } from "node:util";
import { z } from "zod";
import { MAX_TOKEN_DAYS } from "../auth/tokens";
import { ROLES } from "../db/schema";
import { email, personName } from "../trpc/routers/account-input";
import { SCOPES } from "../trpc/policy";

export const USAGE = `Usage: npm run admin -- COMMAND

  user create --email E --role ${ROLES.join("|")} [--name N] [--password-stdin]
  user reset-password --email E [--password-stdin]
  token create --email E [--scopes ${SCOPES.join(",")}] [--days N] [--name N]
  session list
  convex jwks
  mirror rebuild [--session ID]
  doctor
  help

Without --password-stdin a password is made and printed. A token is printed alone on standard
output; "npm run --silent admin -- ..." keeps npm's own lines out of it.
"convex jwks" prints what a Convex elsewhere needs to believe this installation's tokens;
"npm run convex:deploy" sets it.
"mirror rebuild" has what browsers watch made anew from the log. "doctor" looks for what is wrong
or lost, says what to do, and exits with 1 when there is something.`;

/** The line typed is not a command; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const passwordFrom = z
  .boolean()
  .default(false)
  .transform((stdin) => (stdin ? "stdin" : "made"));
const tokenScopes = z
  .string()
  .transform((text) => text.split(",").map((scope) => scope.trim()))
  .pipe(z.array(z.enum(SCOPES)).min(1))
  .optional();

const commands = {
  "user create": z.object({
    email,
    role: z.enum(ROLES),
    name: personName.optional(),
    "password-stdin": passwordFrom,
  }),
  "user reset-password": z.object({ email, "password-stdin": passwordFrom }),
  "token create": z.object({
    email,
    scopes: tokenScopes,
    days: z.coerce.number().int().min(1).max(MAX_TOKEN_DAYS).optional(),
    name: personName.default("command line"),
  }),
  "session list": z.object({}),
  "convex jwks": z.object({}),
  "mirror rebuild": z.object({ session: z.string().optional() }),
  doctor: z.object({}),
  help: z.object({}),
};
type Commands = typeof commands;
export type Command = {
  [Name in keyof Commands]: { name: Name; options: z.infer<Commands[Name]> };
}[keyof Commands];

/** Nothing at all asks for help, as `-h` and `--help` do. @throws UsageError */
export function parseCommandLine(args: readonly string[]): Command {
  const { positionals, values } = split(args);
  if (args.length === 0 || values.help) return { name: "help", options: {} };
  const name = positionals.join(" ");
  switch (name) {
    case "user create":
      return { name, options: optionsOf(commands[name], values) };
    case "user reset-password":
      return { name, options: optionsOf(commands[name], values) };
    case "token create":
      return { name, options: optionsOf(commands[name], values) };
    case "session list":
      return { name, options: optionsOf(commands[name], values) };
    case "convex jwks":
      return { name, options: optionsOf(commands[name], values) };
    case "mirror rebuild":
      return { name, options: optionsOf(commands[name], values) };
    case "doctor":
      return { name, options: optionsOf(commands[name], values) };
    case "help":
      return { name, options: optionsOf(commands[name], values) };
    default:
      throw new UsageError(name === "" ? "Say what to do." : `There is no command "${name}".`);
  }
}

function split(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        email: text,
        role: text,
        name: text,
        session: text,
        scopes: text,
        days: text,
        "password-stdin": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function optionsOf<S extends z.ZodObject>(schema: S, values: Readonly<Record<string, unknown>>): z.infer<S> {
  const parsed = schema.strict().safeParse({ ...values });
  if (parsed.success) return parsed.data as z.infer<S>;
  const issue = parsed.error.issues[0];
  const option = issue?.path.map(String)[0];
  if (option !== undefined && values[option] === undefined) throw new UsageError(`--${option} is missing.`);
  throw new UsageError(`--${option ?? "option"}: ${issue?.message ?? "not right"}`);
}
