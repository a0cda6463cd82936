import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "./app";
import type { SidecarConfig } from "./config";
import type { SidecarEventBody, SpoolPosition } from "./contract";
import type { AgentSettings, BootLine, ProviderCredential, RegistrationPayload } from "./protocol";
import { eventStreamLine } from "./protocol";
import { Instance } from "./instance";
import { createLog, type Log } from "./log";
import { Registration } from "./registration/registration";
import { sealTo } from "./registration/seal";

export const OPENCODE_BIN = join(import.meta.dirname, "../../node_modules/opencode-linux-x64/bin/opencode");

export const SETTINGS: AgentSettings = {
  model: { providerId: "scripted", modelId: "m1" },
  agent: "build",
  permissionMode: "ask",
  title: "A test",
};

export interface TestSidecar {
  app: ReturnType<typeof createApp>;
  instance: Instance;
  registration: Registration;
  boot: BootLine;
  config: SidecarConfig;
  bearer: string;
  dir: string;
  /** Registers under `epoch`, as the server does. */
  register(change?: Partial<RegistrationPayload>): Promise<Response>;
  /** A call with the instance's token. */
  call(method: string, path: string, body?: unknown): Promise<Response>;
  /** Seals as the server does. */
  seal(purpose: "registration" | "credentials", value: unknown): Promise<unknown>;
  /** Ends everything and keeps the directory. */
  stop(): Promise<void>;
  /** Ends everything and removes the directory. */
  close(): Promise<void>;
}

export interface TestSidecarOptions {
  /** Of an earlier one that was stopped, to go on with its spool and opencode's data. */
  dir?: string;
  opencodeBin?: string;
  credentialProxyPort?: number;
  /** What the agent's programs take for the way out; by default a port where nothing listens. */
  egressForwarderPort?: number;
  log?: Log;
}

/** A sidecar without its servers: opencode, when it is started, runs as the test's own user. */
export async function makeTestSidecar(options: TestSidecarOptions = {}): Promise<TestSidecar> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "openagent-sidecar-")));
  const boot: BootLine = {
    token: randomBytes(32).toString("base64url"),
    sessionId: "ses_test",
    instanceId: "ins_test",
  };
  const config = await testConfig(dir, options);
  const log = options.log ?? createLog(() => {});
  const bearer = randomBytes(32).toString("base64url");
  const instance = new Instance({ config, boot, version: "test", log });
  const onRegistered = (payload: RegistrationPayload) => instance.start(payload);
  const registration = await Registration.create({
    boot,
    version: "test",
    onRegistered,
    onExhausted: () => {},
  });
  const app = createApp({ registration, instance, log });
  const call = async (method: string, path: string, body?: unknown) =>
    app.request(path, {
      method,
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  await instance.warmUp();
  const { publicKey } = registration.offer("n".repeat(22));
  const context = {
    sessionId: boot.sessionId,
    instanceId: boot.instanceId,
    token: Buffer.from(boot.token, "base64url"),
  };
  const seal = (purpose: "registration" | "credentials", value: unknown) =>
    sealTo(publicKey, { ...context, purpose }, JSON.stringify(value));
  const stop = () => instance.close();
  return {
    ...{ app, instance, registration, boot, config, bearer, dir, call, seal, stop },
    register: async (change = {}) => {
      const payload = {
        bearer,
        egressSecret: "e".repeat(43),
        epoch: 1,
        held: null,
        providers: [scriptedProvider()],
        settings: SETTINGS,
        ...change,
      };
      return call("POST", "/registration/complete", await seal("registration", payload));
    },
    close: async () => {
      await stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export async function testConfig(dir: string, options: TestSidecarOptions): Promise<SidecarConfig> {
  const workspace = join(dir, "workspace");
  await mkdir(workspace, { recursive: true });
  return {
    socketPath: join(dir, "sidecar.sock"),
    egressSocket: join(dir, "egress.sock"),
    spoolDir: join(dir, "spool"),
    configParent: dir,
    workspace,
    agentHome: join(dir, "agent"),
    modelsFile: join(import.meta.dirname, "opencode/fixtures/models.json"),
    opencodeBin: options.opencodeBin ?? "/bin/false",
    agentPrefix: [],
    terminalPrefix: [],
    agentUid: null,
    ports: {
      opencode: await freePort(),
      credentialProxy: options.credentialProxyPort ?? 1,
      egressForwarder: options.egressForwarderPort ?? 1,
    },
    passedEnvironment: {},
    maxTerminals: 4,
  };
}

export function scriptedProvider(): ProviderCredential {
  const price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 };
  const capabilities = { toolCall: true, reasoning: true, attachment: true };
  return {
    providerId: "scripted",
    baseUrl: "http://127.0.0.1:1/",
    auth: { kind: "bearer" },
    key: "sk-test",
    npm: "@ai-sdk/openai-compatible",
    name: "Scripted",
    models: ["m1", "m2"].map((id) => ({
      id,
      name: id,
      ...capabilities,
      contextTokens: 200_000,
      outputTokens: 8192,
      price,
    })),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Resolves when `condition` gives something; fails with what it was waiting for. */
export async function eventually<T>(
  what: string,
  condition: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  withinMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Follows the event stream of a sidecar; `events` grows until `close`. */
export function follow(sidecar: TestSidecar, after: SpoolPosition) {
  const events: ({ epoch: number; n: number } & SidecarEventBody)[] = [];
  const opened = (async () => {
    const headers = { authorization: `Bearer ${sidecar.bearer}` };
    const response = await sidecar.app.request(`/events?epoch=${after.epoch}&n=${after.n}`, { headers });
    if (!response.body) throw new Error(`no event stream: HTTP ${response.status}`);
    return response.body.getReader();
  })();
  const done = opened.then(async (reader) => {
    const decoder = new TextDecoder();
    let rest = "";
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const lines = (rest + decoder.decode(read.value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const parsed = eventStreamLine.parse(JSON.parse(line));
        // Checked against the contract where the events are made; here only their shape is wanted.
        if (parsed.kind === "events") events.push(...(parsed.events as unknown as typeof events));
      }
    }
  });
  return {
    events,
    close: async () => {
      await (await opened).cancel();
      await done;
    },
  };
}
