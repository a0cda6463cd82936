/**
 * Writes src/server/models/snapshot.json, in the shape of models.dev, from the catalogue inside the pinned opencode:
 * well-known providers whose API takes a key in a header, and their models that can call tools.
 *
 *   node scripts/make-model-snapshot.mjs
 *
 * The server it starts has a home of its own and no keys: GET /provider answers with every key it knows.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Each has its base URL and kind of credential in src/server/models/provider-auth.ts; a test compares the two. */
// prettier-ignore
const PROVIDERS = [
  "anthropic", "openai", "google", "openrouter", "xai", "mistral", "groq", "deepseek", "cerebras", "togetherai",
  "deepinfra", "cohere", "alibaba", "moonshotai", "zai", "fireworks-ai", "nvidia", "huggingface", "minimax",
];

const root = new URL("..", import.meta.url).pathname;
const home = mkdtempSync(join(tmpdir(), "oa-models-"));
const server = spawn(
  join(root, "node_modules/opencode-linux-x64/bin/opencode"),
  ["serve", "--hostname=127.0.0.1", "--port=0"],
  {
    cwd: home,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
    },
    stdio: ["ignore", "pipe", "inherit"],
  },
);
try {
  const url = await listening(server);
  const answer = await fetch(`${url}/provider`, { signal: AbortSignal.timeout(30_000) });
  if (!answer.ok) throw new Error(`GET /provider answered ${answer.status}.`);
  const { all } = await answer.json();
  const snapshot = Object.fromEntries(
    PROVIDERS.map((id) => [
      id,
      trimmed(
        id,
        all.find((provider) => provider.id === id),
      ),
    ]),
  );
  const target = join(root, "src/server/models/snapshot.json");
  const text = JSON.stringify(snapshot);
  writeFileSync(target, `${text}\n`);
  const models = Object.values(snapshot).reduce(
    (sum, provider) => sum + Object.keys(provider.models).length,
    0,
  );
  console.log(
    `${target}: ${PROVIDERS.length} providers, ${models} models, ${Math.round(text.length / 1024)} KiB`,
  );
} finally {
  server.kill();
  rmSync(home, { recursive: true, force: true });
}

function listening(child) {
  return new Promise((resolve, reject) => {
    let seen = "";
    child.stdout.on("data", (chunk) => {
      seen += chunk;
      const url = /listening on (http:\/\/\S+)/.exec(seen)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.on("exit", (code) => reject(new Error(`opencode ended with ${code} before it listened.`)));
  });
}

function trimmed(id, provider) {
  if (provider === undefined)
    throw new Error(`The catalogue has no provider ${id}. Take it out of PROVIDERS.`);
  const models = Object.values(provider.models).filter(isUsable);
  const npm = commonest(models.map((model) => model.api.npm));
  const ofNpm = models.filter((model) => model.api.npm === npm);
  const api = commonest(ofNpm.map((model) => model.api.url));
  return {
    id,
    name: provider.name,
    env: provider.env,
    npm,
    ...(api === "" ? {} : { api }),
    // A model with an SDK or address of its own would not go through the provider's one entry in the key table.
    models: Object.fromEntries(
      ofNpm
        .filter((model) => model.api.url === api)
        .sort(newestFirst)
        .map((model) => [model.id, entry(model)]),
    ),
  };
}

function isUsable(model) {
  return (
    model.capabilities.toolcall &&
    model.capabilities.output.text &&
    model.status !== "deprecated" &&
    model.limit.context > 0
  );
}

function entry(model) {
  return {
    id: model.id,
    name: model.name,
    attachment: model.capabilities.attachment,
    reasoning: model.capabilities.reasoning,
    tool_call: true,
    release_date: model.release_date,
    limit: { context: model.limit.context, output: model.limit.output },
    cost: {
      input: model.cost.input,
      output: model.cost.output,
      cache_read: model.cost.cache.read,
      cache_write: model.cost.cache.write,
    },
  };
}

function newestFirst(a, b) {
  return b.release_date.localeCompare(a.release_date) || a.id.localeCompare(b.id);
}

function commonest(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
}
