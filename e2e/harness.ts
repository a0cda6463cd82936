/**
 * The built product as its users get it: a server process of its own on a free port, a data directory of its own, a real
 * engine. Everything it makes is removed by `close`.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient, followEvents, type OpenAgentClient } from "../src/client/index";
import { nodeProgram } from "../scripts/lib/environment.mjs";
import type { SessionEvent } from "../sidecar/src/contract";
import { signIn } from "./sign-in-by-hand";

export const ROOT = join(import.meta.dirname, "..");
/** The engine that the product is to use, as it finds it. */
export const ENGINE_SOCKET = (process.env.DOCKER_HOST || "unix:///var/run/docker.sock").slice(
  "unix://".length,
);
const run = promisify(execFile);

export const OWNER = {
  name: "Olivia Owner",
  email: "olivia@example.test",
  password: "correct horse battery",
};

export interface Product {
  url: string;
  dataDir: string;
  instance: string;
  /** Signed in as {@link OWNER} by a personal access token. */
  client: OpenAgentClient;
  token: string;
  /** SIGTERM, then waits for the end. @returns the exit code; null for one that a signal ended or that did not run */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Starts the server again on the same data directory. @param more for this start alone */
  start(more?: Record<string, string>): Promise<void>;
  log(): string;
  /** Of the server's process. */
  pid(): number;
  close(): Promise<void>;
}

/** Starts, claims, and makes a token. */
export async function startProduct(
  env: Record<string, string> = {},
  opts: ServerOptions & { front?: { url: string; leadTo(port: number): void } } = {},
): Promise<Product> {
  const { front, ...rest } = opts;
  const product = await startUnclaimed(front ? { OPENAGENT_URL: front.url, ...env } : env, rest);
  front?.leadTo(Number(new URL(product.url).port));
  const url = front?.url ?? product.url;
  const claimed = await post(url, "system.claim", { code: product.claimCode(), ...OWNER });
  if (!claimed.ok) throw new Error(`claim failed: ${await claimed.text()}`);
  const cookie = await signIn(url, OWNER);
  const made = await post(url, "account.tokens.create", { name: "e2e" }, { cookie });
  const token = tokenOf(await made.json());
  return { ...product, url, token, client: createClient({ url, token }) };
}

export type UnclaimedProduct = Omit<Product, "client" | "token"> & { claimCode(): string };

export interface ServerOptions {
  /** `/healthz` for a server whose engine is missing on purpose. */
  healthyAt?: "/readyz" | "/healthz";
  /** Does not exist yet; removed at the end. */
  dataDir?: string;
}

export async function startUnclaimed(
  env: Record<string, string> = {},
  opts: ServerOptions = {},
): Promise<UnclaimedProduct> {
  const port = await freePort();
  const dataDir = opts.dataDir ?? mkdtempSync(join(tmpdir(), "oa-e2e-"));
  const instance = env.OPENAGENT_INSTANCE ?? `oa-t${randomBytes(4).toString("hex")}`;
  const url = `http://127.0.0.1:${port}`;
  let output = "";
  let child: ChildProcess | null = null;

  const start = async (more: Record<string, string> = {}) => {
    const started = spawn(nodeProgram(), ["dist/server/main.mjs"], {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_ENV: "production",
        PORT: String(port),
        OPENAGENT_DATA_DIR: dataDir,
        OPENAGENT_INSTANCE: instance,
        ...env,
        ...more,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    started.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    started.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await until(async () => {
      if (started.exitCode !== null)
        throw new Error(`the server ended with ${started.exitCode}:\n${output.slice(-4000)}`);
      return (await fetch(`${url}${opts.healthyAt ?? "/readyz"}`).catch(() => null))?.status === 200;
    }, "the server's start");
  };
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    const ended = child;
    child = null;
    if (!ended || ended.exitCode !== null || ended.signalCode !== null) return null;
    const exit = new Promise<number | null>((resolve) => ended.once("exit", resolve));
    ended.kill(signal);
    return exit;
  };
  const product = {
    url,
    dataDir,
    instance,
    start,
    stop,
    log: () => output,
    pid() {
      if (child?.pid === undefined) throw new Error("the server does not run");
      return child.pid;
    },
    claimCode: () => readFileSync(join(dataDir, "claim-code"), "utf8").trim(),
    async close() {
      await stop();
      await removeEngineObjects(instance);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (error) {
    await product.close();
    throw error;
  }
  return product;
}

/** A tRPC mutation as a program without our client makes it. */
export function post(
  url: string,
  path: string,
  input: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/api/trpc/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url, ...headers },
    body: JSON.stringify(input),
  });
}

function tokenOf(body: unknown): string {
  const token = (body as { result?: { data?: { token?: unknown } } }).result?.data?.token;
  if (typeof token !== "string") throw new Error(`no token in ${JSON.stringify(body)}`);
  return token;
}

/** As the operator of the installation adds people, with the role `member`. */
export async function addPerson(
  product: Product,
  person: { name: string; email: string; password: string },
): Promise<void> {
  const args = ["user", "create", "--email", person.email, "--name", person.name, "--role", "member"];
  const running = run(
    process.execPath,
    ["--import", "tsx", "src/server/cli/admin.ts", ...args, "--password-stdin"],
    {
      cwd: ROOT,
      env: { ...process.env, PORT: new URL(product.url).port, OPENAGENT_DATA_DIR: product.dataDir },
    },
  );
  running.child.stdin?.end(`${person.password}\n`);
  await running;
}

/** Far above what anything here takes on a slow machine, and below a test's own limit, which cannot say what was missing. */
const LIMIT_MS = 90_000;

/** Asks until there is an answer. @throws Error with `what` when none comes */
export async function poll<T>(ask: () => Promise<T | undefined>, what: string): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`${what} did not come within ${LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Asks until true. @throws Error with `what` when it does not come true */
export async function until(check: () => Promise<boolean>, what: string): Promise<void> {
  await poll(async () => ((await check()) ? true : undefined), what);
}

/** Waits for a session's status. @throws Error when it fails instead. */
export async function sessionIs(client: OpenAgentClient, id: string, status: string): Promise<void> {
  await until(async () => {
    const session = await client.sessions.get.query({ id });
    if (session.status === "error" && status !== "error")
      throw new Error(`session failed: ${JSON.stringify(session.reason)}`);
    return session.status === status;
  }, `status ${status}`);
}

/** Everything that a session's log holds now. */
export async function readEvents(client: OpenAgentClient, id: string): Promise<SessionEvent[]> {
  const { lastSeq } = await client.sessions.get.query({ id });
  const events: SessionEvent[] = [];
  for await (const event of followEvents(client, { sessionId: id, afterSeq: 0 })) {
    events.push(event);
    if (event.seq >= lastSeq) break;
  }
  return events;
}

/** Reads a session's log until it holds what is waited for. @returns all of it */
export function eventsUntil(
  client: OpenAgentClient,
  opts: { sessionId: string; what: string; isThere: (events: SessionEvent[]) => boolean },
): Promise<SessionEvent[]> {
  return poll(async () => {
    const events = await readEvents(client, opts.sessionId);
    return opts.isThere(events) ? events : undefined;
  }, opts.what);
}

/** As {@link eventsUntil}, until the turn of a prompt is over. */
export function eventsUntilTurnEnds(
  client: OpenAgentClient,
  { sessionId, promptId }: { sessionId: string; promptId: string },
): Promise<SessionEvent[]> {
  const isThere = (events: SessionEvent[]) =>
    events.some((event) => event.type === "turn.ended" && event.data.promptId === promptId);
  return eventsUntil(client, { sessionId, what: "the turn's end", isThere });
}

export interface TurnResult {
  events: SessionEvent[];
  /** Text parts of assistant messages, joined. */
  text: string;
  outcome: string;
}

/** Sends a prompt and follows it to its end; permission requests are answered with `reply`. */
export async function runTurn(
  client: OpenAgentClient,
  opts: { sessionId: string; text: string; reply?: "once" | "always" | "reject"; kind?: "prompt" | "shell" },
): Promise<TurnResult> {
  const afterSeq = (await client.sessions.get.query({ id: opts.sessionId })).lastSeq;
  const key = randomUUID();
  const { promptId } =
    opts.kind === "shell"
      ? await client.prompts.shell.mutate({ sessionId: opts.sessionId, command: opts.text, key })
      : await client.prompts.send.mutate({ sessionId: opts.sessionId, text: opts.text, key });
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), LIMIT_MS);
  const events: SessionEvent[] = [];
  try {
    for await (const event of followEvents(client, {
      sessionId: opts.sessionId,
      afterSeq,
      signal: stop.signal,
    })) {
      events.push(event);
      if (event.type === "request.opened")
        await client.requests.respond.mutate({ id: event.data.requestId, reply: opts.reply ?? "once" });
      if (event.type === "turn.ended" && event.data.promptId === promptId) {
        return { events, text: spokenText(events), outcome: event.data.outcome };
      }
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`the turn did not end; last events: ${JSON.stringify(events.slice(-5))}`);
}

/** What the agent said: the text parts of its messages, which begin with some text or none and go on in deltas. */
export function spokenText(events: SessionEvent[]): string {
  const spoken = new Set<string>();
  let text = "";
  for (const event of events) {
    if (event.type === "message.started" && event.data.role === "assistant") spoken.add(event.data.messageId);
    if (event.type === "part.started" && event.data.kind === "text" && spoken.has(event.data.messageId)) {
      spoken.add(event.data.partId);
      text += event.data.text ?? "";
    }
    if (event.type === "part.delta" && spoken.has(event.data.partId)) text += event.data.text;
  }
  return text;
}

/** The engine's containers of one installation, running or not. */
export async function containersOf(instance: string): Promise<string[]> {
  return lines(
    await run("docker", ["ps", "-aq", "--no-trunc", "--filter", `label=openagent.installation=${instance}`]),
  );
}

/** The container in which a session runs; empty when none does. */
export async function containerOf(instance: string, sessionId: string): Promise<string> {
  const labels = [`openagent.installation=${instance}`, `openagent.session=${sessionId}`];
  return (await docker("ps", "-q", ...labels.flatMap((label) => ["--filter", `label=${label}`]))).trim();
}

export async function volumesOf(instance: string): Promise<string[]> {
  return lines(await run("docker", ["volume", "ls", "-q", "--filter", `name=^${instance}-`]));
}

export async function docker(...args: string[]): Promise<string> {
  return (await run("docker", args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/** An example of examples/, run as a person runs it: by npx, on the Node of their PATH. */
export async function runExample(
  name: string,
  opts: { url: string; token: string; args?: string[] },
): Promise<{ stdout: string; code: number }> {
  // What npm adds for its scripts, a person's shell does not have.
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    OPENAGENT_URL: opts.url,
    OPENAGENT_TOKEN: opts.token,
  };
  for (const variable of Object.keys(env)) if (variable.startsWith("npm_")) delete env[variable];
  env.PATH = env.PATH?.split(":")
    .filter((dir) => !dir.endsWith("node_modules/.bin"))
    .join(":");
  try {
    const { stdout } = await run("npx", ["tsx", `examples/${name}`, ...(opts.args ?? [])], {
      cwd: ROOT,
      env,
      timeout: 240_000,
    });
    return { stdout, code: 0 };
  } catch (error) {
    const failed = error as { stdout?: string; stderr?: string; code?: number };
    if (typeof failed.code !== "number") throw error;
    return { stdout: `${failed.stdout ?? ""}${failed.stderr ?? ""}`, code: failed.code };
  }
}

/** Containers and volumes of an installation. */
export async function removeEngineObjects(instance: string): Promise<void> {
  const containers = await containersOf(instance);
  if (containers.length > 0) await docker("rm", "-f", ...containers);
  const volumes = await volumesOf(instance);
  if (volumes.length > 0) await docker("volume", "rm", "-f", ...volumes);
}

function lines({ stdout }: { stdout: string }): string[] {
  return stdout.split("\n").filter((line) => line !== "");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

if (!existsSync(join(ROOT, "dist/server/main.mjs"))) {
  throw new Error('e2e drives the built product: run "npm test", which builds it, or "npm run build" first.');
}
