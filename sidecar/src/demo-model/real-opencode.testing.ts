/** A real `opencode serve` on loopback, in a directory of its own, with the demo model as its only provider. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";

const BINARY = path.resolve("node_modules/opencode-linux-x64/bin/opencode");
export const hasOpencode = existsSync(BINARY);

/** Two seconds on a quiet machine, twenty on one that has ten other things to do. */
const START_LIMIT_MS = 120_000;

const session = z.object({ id: z.string(), title: z.string() });
const permission = z.object({ id: z.string(), permission: z.string(), metadata: z.looseObject({}) });
const message = z.object({
  info: z.object({ role: z.string(), finish: z.string().optional(), error: z.unknown().optional() }),
  parts: z.array(
    z.looseObject({
      type: z.string(),
      text: z.string().optional(),
      tool: z.string().optional(),
      state: z.looseObject({ status: z.string(), output: z.string().optional() }).optional(),
    }),
  ),
});
export type OpencodeMessage = z.infer<typeof message>;

export interface RealOpencode {
  readonly workspace: string;
  createSession(): Promise<string>;
  title(sessionId: string): Promise<string>;
  prompt(sessionId: string, text: string): Promise<void>;
  messages(sessionId: string): Promise<OpencodeMessage[]>;
  permissions(): Promise<z.infer<typeof permission>[]>;
  reply(permissionId: string, body: { reply: string; message?: string }): Promise<void>;
  summarize(sessionId: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startRealOpencode(modelPort: number): Promise<RealOpencode> {
  const directory = await mkdtemp(path.join(tmpdir(), "oa-opencode-"));
  const workspace = path.join(directory, "workspace");
  await mkdir(workspace);
  await writeConfig(directory, modelPort);
  const port = await freePort();
  const child = spawn(BINARY, ["serve", "--hostname=127.0.0.1", `--port=${port}`], {
    cwd: workspace,
    env: environment(directory),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const listens = new Promise<void>((resolve, reject) => {
    let output = "";
    const timer = setTimeout(() => reject(new Error(`opencode did not start: ${output}`)), START_LIMIT_MS);
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes("listening on")) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
  });
  try {
    await listens;
  } catch (error) {
    await stop();
    throw error;
  }

  const call = async (method: "GET" | "POST", route: string, body?: object): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}${route}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${route} ${response.status} ${text.slice(0, 500)}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  return {
    workspace,
    createSession: async () => session.parse(await call("POST", "/session", {})).id,
    title: async (id) => session.parse(await call("GET", `/session/${id}`)).title,
    prompt: async (id, text) => {
      await call("POST", `/session/${id}/prompt_async`, { parts: [{ type: "text", text }] });
    },
    messages: async (id) => z.array(message).parse(await call("GET", `/session/${id}/message`)),
    permissions: async () => z.array(permission).parse(await call("GET", "/permission")),
    reply: async (id, body) => {
      await call("POST", `/permission/${id}/reply`, body);
    },
    summarize: async (id) => {
      await call("POST", `/session/${id}/summarize`, { providerID: "demo", modelID: "demo-1" });
    },
    stop,
  };
}

/** No way out: every outbound attempt meets a closed port. */
function environment(directory: string): NodeJS.ProcessEnv {
  const nowhere = "http://127.0.0.1:9";
  const loopback = "127.0.0.1,localhost";
  return {
    NODE_ENV: "production",
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: directory,
    XDG_CONFIG_HOME: path.join(directory, "config"),
    OPENCODE_CONFIG: path.join(directory, "opencode.json"),
    OPENCODE_MODELS_PATH: path.join(directory, "models.json"),
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    OPENCODE_DISABLE_SHARE: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
    HTTP_PROXY: nowhere,
    HTTPS_PROXY: nowhere,
    http_proxy: nowhere,
    https_proxy: nowhere,
    NO_PROXY: loopback,
    no_proxy: loopback,
  };
}

async function writeConfig(directory: string, modelPort: number): Promise<void> {
  const model = { name: "Demo", tool_call: true, reasoning: true, limit: { context: 200_000, output: 8192 } };
  const config = {
    share: "disabled",
    autoupdate: false,
    model: "demo/demo-1",
    small_model: "demo/demo-1",
    enabled_providers: ["demo"],
    provider: {
      demo: {
        npm: "@ai-sdk/openai-compatible",
        name: "Demo",
        options: { baseURL: `http://127.0.0.1:${modelPort}/demo/v1`, apiKey: "none-needed" },
        models: { "demo-1": model },
      },
    },
    permission: { bash: "ask" },
  };
  // A config directory that looks complete keeps opencode from installing its plugin package.
  const stub = path.join(directory, "config", "opencode");
  const manifest = { name: "stub", version: "0.0.0", dependencies: { "@opencode-ai/plugin": "0.0.0" } };
  await mkdir(path.join(stub, "node_modules"), { recursive: true });
  await writeFile(path.join(stub, "package.json"), JSON.stringify(manifest));
  const lock = { name: "stub", lockfileVersion: 3, packages: { "": manifest } };
  await writeFile(path.join(stub, "package-lock.json"), JSON.stringify(lock));
  await writeFile(path.join(directory, "models.json"), "{}");
  await writeFile(path.join(directory, "opencode.json"), JSON.stringify(config));
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("A TCP server has a TCP address.");
  return address.port;
}
