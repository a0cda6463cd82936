/** The only reader of `process.env`: parsed once at boot, or the process stops and names the variable. */
import { createHash } from "node:crypto";
import { isAbsolute, join, resolve } from "node:path";
import { z } from "zod";
import { hostProblem, ownNameOf } from "../../scripts/lib/listen-host.mjs";
import type { IdentityProvider } from "./auth/identity-providers";
import { identityProvidersOf, identityVariables } from "./auth/identity-settings";
import { backupSettingsOf, backupVariables, type BackupSettings } from "./backup/backup-settings";
import { parseHostPorts } from "./egress/parse-host-port";

const FALSE_DOCKER_HOST =
  "must be a local socket such as unix:///var/run/docker.sock: sessions are reached over sockets of this machine, so an engine elsewhere cannot be used.";

const variables = z.object({
  NODE_ENV: z
    .enum(["production", "development", "test"], "must be production, development or test")
    .default("production"),
  PORT: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(1, "must be 1 to 65535")
    .max(65_535, "must be 1 to 65535")
    .default(3000),
  HOST: z.string().default("127.0.0.1"),
  OPENAGENT_URL: z
    .string()
    .refine(isOrigin, "must be an origin without a path, such as https://agents.example.org")
    .transform((text) => new URL(text))
    .optional(),
  OPENAGENT_DATA_DIR: z.string().default("./data"),
  OPENAGENT_MASTER_KEY_FILE: z.string().optional(),
  OPENAGENT_INSTANCE: z
    .string()
    .regex(
      /^[a-z0-9-]{2,30}$/,
      "must be 2 to 30 small letters, digits and hyphens: it names containers and volumes",
    )
    .optional(),
  OPENAGENT_SESSION_IMAGE: z
    .string('must name the session image; "npm run up" builds it and sets this')
    .optional(),
  OPENAGENT_MAX_SESSIONS: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(1, "must be at least 1")
    .default(100),
  OPENAGENT_DISK_HIGH_WATER: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(1, "must be 1 to 100")
    .max(100, "must be 1 to 100")
    .default(95),
  OPENAGENT_ALLOW_PRIVATE: z.string().default("").transform(hostPorts),
  OPENAGENT_LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error"], "must be trace, debug, info, warn or error")
    .default("info"),
  OPENAGENT_METRICS_TOKEN: z
    .string()
    .regex(
      /^[A-Za-z0-9._~+/=-]{32,256}$/,
      "must be 32 to 256 letters, digits and . _ ~ + / = -, such as openssl rand -hex 32 prints: it opens /metrics",
    )
    .optional(),
  // A Convex client renews a token ten seconds before it ends.
  OPENAGENT_LIVE_TOKEN_SECONDS: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(15, "must be 15 to 3600")
    .max(3600, "must be 15 to 3600")
    .default(300),
  ...backupVariables,
  CONVEX_URL: z
    .string()
    .refine(
      isOrigin,
      "must be the address of a Convex deployment, such as https://happy-animal-123.convex.cloud",
    )
    .transform((text) => new URL(text))
    .optional(),
  DOCKER_HOST: z
    .string()
    .refine(
      (text) => text.startsWith("unix://") && isAbsolute(text.slice("unix://".length)),
      FALSE_DOCKER_HOST,
    )
    .default("unix:///var/run/docker.sock"),
  ...identityVariables,
});

/** What the server runs with. Paths are absolute. */
export interface Environment {
  mode: "production" | "development";
  port: number;
  host: string;
  /** The origin that people type; null: `localhost` and `127.0.0.1` on the port are equal. */
  publicUrl: URL | null;
  dataDir: string;
  masterKeyFile: string;
  /** Prefix of containers, volumes and labels. */
  instance: string;
  /** Null in commands and in development; sessions then do not start. */
  sessionImage: string | null;
  /** Sessions that may run at a time. */
  maxSessions: number;
  /** A disk that is this full, in percent, takes no new session. */
  diskHighWaterPercent: number;
  allowPrivate: ReturnType<typeof parseHostPorts>;
  logLevel: string;
  /** Who bears it may read `/metrics`; null: nobody may. */
  metricsToken: string | null;
  /** How long a browser's token for what it watches live is good, before it is renewed. */
  liveTokenSeconds: number;
  /** A Convex elsewhere that browsers watch; null: the embedded host. */
  convexUrl: URL | null;
  dockerSocket: string;
  /** Backups that the server makes by itself; null: none. */
  backups: BackupSettings | null;
  /** For the commands; the server has it in {@link backups}. */
  backupPassphrase: string | null;
  /** Where people may sign in beside by password. */
  identityProviders: IdentityProvider[];
}

/** A variable has a value that the server cannot run with; the message names each and says what it must be. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

/** @throws EnvironmentError */
export function readEnvironment(): Environment {
  return parseEnvironment(process.env, process.cwd());
}

/** For the server, see {@link requireServable}. @throws EnvironmentError */
export function readServerEnvironment(): Environment {
  return requireServable(readEnvironment());
}

/**
 * What the server needs beyond what commands do: in production an image to start sessions from, and an address at which
 * people can open it.
 * @throws EnvironmentError
 */
export function requireServable(env: Environment): Environment {
  if (env.mode === "production" && env.sessionImage === null) {
    throw new EnvironmentError(
      `OPENAGENT_SESSION_IMAGE must name the session image. Start with "npm run up", which builds it and sets this.`,
    );
  }
  const problem = env.publicUrl === null ? hostProblem(env) : undefined;
  if (problem !== undefined) throw new EnvironmentError(problem);
  return env;
}

/**
 * @param cwd what relative paths are relative to
 * @throws EnvironmentError
 */
export function parseEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Environment {
  // A variable that is set to nothing counts as not set, as in compose files.
  const given = Object.fromEntries(
    Object.entries(source).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = variables.safeParse(given);
  if (!parsed.success) throw new EnvironmentError(complaints(parsed.error));
  const env = parsed.data;
  const dataDir = resolve(cwd, env.OPENAGENT_DATA_DIR);
  return {
    mode: env.NODE_ENV === "production" ? "production" : "development",
    port: env.PORT,
    host: env.HOST,
    publicUrl: env.OPENAGENT_URL ?? onlyName({ host: env.HOST, port: env.PORT }),
    dataDir,
    masterKeyFile: resolve(cwd, env.OPENAGENT_MASTER_KEY_FILE ?? join(dataDir, "master.key")),
    instance: env.OPENAGENT_INSTANCE ?? instanceOf(dataDir),
    sessionImage: env.OPENAGENT_SESSION_IMAGE ?? null,
    maxSessions: env.OPENAGENT_MAX_SESSIONS,
    diskHighWaterPercent: env.OPENAGENT_DISK_HIGH_WATER,
    allowPrivate: env.OPENAGENT_ALLOW_PRIVATE,
    logLevel: env.OPENAGENT_LOG_LEVEL,
    metricsToken: env.OPENAGENT_METRICS_TOKEN ?? null,
    liveTokenSeconds: env.OPENAGENT_LIVE_TOKEN_SECONDS,
    convexUrl: env.CONVEX_URL ?? null,
    dockerSocket: env.DOCKER_HOST.slice("unix://".length),
    backups: backupSettingsOf(env, { cwd, refuse }),
    backupPassphrase: env.OPENAGENT_BACKUP_PASSPHRASE ?? null,
    identityProviders: identityProvidersOf(env, refuse),
  };
}

function refuse(message: string): never {
  throw new EnvironmentError(message);
}

/**
 * Libraries read these from the environment and nowhere else: next-auth the origin that it builds addresses from, React
 * which of its builds to take, Next whether to report its use to its makers, which is declined unless the operator
 * decided otherwise.
 */
export function setLibraryEnvironment(opts: { origin: string; mode: Environment["mode"] }): void {
  const { NEXT_TELEMETRY_DISABLED = "1" } = process.env;
  Object.assign(process.env, { NEXTAUTH_URL: opts.origin, NODE_ENV: opts.mode, NEXT_TELEMETRY_DISABLED });
}

/** 127.0.0.1 does not lead to a server that listens on ::1, and `localhost` on some machines only. */
function onlyName({ host, port }: { host: string; port: number }): URL | null {
  return ownNameOf(host) === "[::1]" ? new URL(`http://[::1]:${port}`) : null;
}

/** Stable for a data directory, different for two of them on one machine. */
function instanceOf(dataDir: string): string {
  return `oa-${createHash("sha256").update(dataDir).digest("hex").slice(0, 6)}`;
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isHttp = url.protocol === "http:" || url.protocol === "https:";
  return isHttp && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
}

function hostPorts(text: string, ctx: z.RefinementCtx): ReturnType<typeof parseHostPorts> {
  try {
    return parseHostPorts(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    ctx.addIssue({ code: "custom", message: `must be host:port pairs with commas between them: ${why}` });
    return z.NEVER;
  }
}

function complaints(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.map(String).join(".")} ${issue.message}.`.replace(/\.\.$/, "."))
    .join("\n");
}
