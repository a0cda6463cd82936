/** The baseline of the stream: opencode itself on this machine, read from its own event stream. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { PATHS } from "../sidecar/src/image-places";
import { type BenchContext, ROOT } from "./context";
import { clockMs, ClockReader, SCRIPTED_MODEL, type ScriptedModel } from "./scripted-model";

const BINARY = join(ROOT, "node_modules/opencode-linux-x64/bin/opencode");
const PROVIDER = "bench";

export interface BareOpencode {
  /** Where it serves its API and its own web pages. */
  url: string;
  /** Its workspace. */
  directory: string;
  sessionId: string;
  /** Runs one turn. @returns how long each delta took from the model's write to us, ms */
  turn(prompt: string): Promise<number[]>;
  close(): Promise<void>;
}

/**
 * Starts one with a home of its own and makes a conversation. The caller closes it.
 * @param opts.inContainer in a container with nothing else in it, so that it has the share of the processor that a
 * session's opencode has among other sessions; a process of the machine itself has more
 */
export async function startBareOpencode(
  ctx: BenchContext,
  model: ScriptedModel,
  opts: { inContainer?: boolean } = {},
): Promise<BareOpencode> {
  const home = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const workspace = join(home, "workspace");
  mkdirSync(workspace);
  writeFileSync(join(home, "models.json"), "{}");
  writeFileSync(join(home, "opencode.json"), JSON.stringify(config(model)));
  stubPluginDirectory(join(home, ".config/opencode"));
  const container = opts.inContainer ? `oa-bench-${randomUUID()}` : null;
  const child =
    container === null ? spawnHere(home, workspace) : spawnIn(ctx, container, { home, workspace });
  const close = ctx.cleanup.add(async () => {
    if (container !== null) await ctx.docker.getContainer(container).remove({ force: true });
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(home, { recursive: true, force: true });
  });
  try {
    const url = await listening(child);
    const made = await fetch(`${url}/session`, jsonPost({ title: "Bench" }));
    const { id } = z.object({ id: z.string() }).parse(await made.json());
    return {
      url,
      directory: workspace,
      sessionId: id,
      turn: (prompt) => turn({ url, sessionId: id }, prompt),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const SERVE = ["serve", "--hostname=127.0.0.1", "--port=0"];

function spawnHere(home: string, workspace: string): ChildProcess {
  return spawn(BINARY, SERVE, { cwd: workspace, env: environment(home), stdio: ["ignore", "pipe", "pipe"] });
}

function spawnIn(
  { image }: BenchContext,
  name: string,
  { home, workspace }: { home: string; workspace: string },
): ChildProcess {
  const args = [
    ...["run", "--name", name, "--network=host", "-v", `${home}:${home}`, "-w", workspace],
    ...Object.entries(environment(home)).flatMap(([key, value]) => ["-e", `${key}=${value}`]),
    ...["--entrypoint", PATHS.opencode, image, ...SERVE],
  ];
  return spawn("docker", args, { stdio: ["ignore", "pipe", "pipe"] });
}

function config(model: ScriptedModel) {
  const name = `${PROVIDER}/${SCRIPTED_MODEL}`;
  return {
    $schema: "https://opencode.ai/config.json",
    share: "disabled",
    autoupdate: false,
    model: name,
    small_model: name,
    enabled_providers: [PROVIDER],
    provider: {
      [PROVIDER]: {
        npm: "@ai-sdk/openai-compatible",
        name: "Bench",
        options: { baseURL: model.baseUrl, apiKey: "bench" },
        models: {
          [SCRIPTED_MODEL]: {
            name: "Scripted",
            tool_call: true,
            limit: { context: 200_000, output: 8192 },
          },
        },
      },
    },
  };
}

/** Nothing of this machine's opencode, and no attempt to update or download. */
function environment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: home,
    // Only because the type of an environment wants it since Next is here; opencode does not read it.
    NODE_ENV: "production",
    OPENCODE_CONFIG: join(home, "opencode.json"),
    OPENCODE_MODELS_PATH: join(home, "models.json"),
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    OPENCODE_DISABLE_SHARE: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
  };
}

/** What keeps opencode 1.18.33 from running npm in the background. */
function stubPluginDirectory(dir: string): void {
  mkdirSync(join(dir, "node_modules"), { recursive: true });
  const dependencies = { "@opencode-ai/plugin": "1.18.33" };
  writeFileSync(join(dir, "package.json"), JSON.stringify({ dependencies }));
  const lock = { name: "opencode", lockfileVersion: 3, packages: { "": { dependencies } } };
  writeFileSync(join(dir, "package-lock.json"), JSON.stringify(lock));
}

const event = z.discriminatedUnion("type", [
  z.object({ type: z.literal("server.connected") }),
  z.object({
    type: z.literal("message.part.delta"),
    properties: z.object({ sessionID: z.string(), field: z.string(), delta: z.string() }),
  }),
  z.object({ type: z.literal("session.idle"), properties: z.object({ sessionID: z.string() }) }),
  z.object({ type: z.literal("session.error"), properties: z.object({ error: z.unknown() }) }),
]);

async function turn(at: { url: string; sessionId: string }, prompt: string): Promise<number[]> {
  const stop = new AbortController();
  const latencies: number[] = [];
  const clocks = new ClockReader();
  try {
    for await (const [seen, arrivedMs] of events(at.url, stop.signal)) {
      if (seen.type === "server.connected") {
        const parts = [{ type: "text", text: prompt }];
        const model = { providerID: PROVIDER, modelID: SCRIPTED_MODEL };
        await fetch(`${at.url}/session/${at.sessionId}/prompt_async`, jsonPost({ model, parts }));
      } else if (seen.type === "session.error") {
        throw new Error(`The baseline's turn failed: ${JSON.stringify(seen.properties.error)}`);
      } else if (seen.properties.sessionID === at.sessionId) {
        if (seen.type === "session.idle") return latencies;
        for (const writtenMs of clocks.take(seen.properties.delta)) latencies.push(arrivedMs - writtenMs);
      }
    }
  } finally {
    stop.abort();
  }
  throw new Error("opencode's event stream ended within the turn.");
}

/** Events with the time at which their bytes came in. */
async function* events(url: string, signal: AbortSignal): AsyncGenerator<[z.infer<typeof event>, number]> {
  const response = await fetch(`${url}/event`, { signal });
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const arrivedMs = clockMs();
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const parsed = event.safeParse(JSON.parse(line.slice("data:".length)));
      if (parsed.success) yield [parsed.data, arrivedMs];
    }
  }
}

function jsonPost(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const url = /listening on (http:\/\/\S+)/.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`opencode ended with ${code} before it listened:\n${output}`)),
    );
  });
}
