import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PermissionMode } from "../contract";
import type { AgentSettings, ProviderCredential } from "../protocol";
import { SidecarError } from "../errors";
import { describeError } from "../log";

/** The demo model's provider; always there, needs no key. */
export const DEMO_PROVIDER_ID = "demo";

/** What opencode sends as the key; the credential proxy takes it off and puts the real one on. */
const MANAGED_KEY = "oa-managed";

const PERMISSIONS: Record<
  PermissionMode,
  Record<"edit" | "bash" | "webfetch" | "external_directory", "ask" | "allow">
> = {
  ask: { edit: "ask", bash: "ask", webfetch: "ask", external_directory: "ask" },
  edits: { edit: "allow", bash: "ask", webfetch: "ask", external_directory: "ask" },
  auto: { edit: "allow", bash: "allow", webfetch: "allow", external_directory: "allow" },
};

export interface OpencodeConfigInput {
  providers: readonly ProviderCredential[];
  settings: AgentSettings;
  credentialProxyPort: number;
}

type Model = ProviderCredential["models"][number];

/** The text of opencode's configuration; pure, and the same for the same input, so that a change can be seen by comparing. */
export function renderOpencodeConfig(input: OpencodeConfigInput): string {
  const providers = input.providers.filter((provider) => provider.providerId !== DEMO_PROVIDER_ID);
  const model = `${input.settings.model.providerId}/${input.settings.model.modelId}`;
  const entries = providers.map(
    (provider) => [provider.providerId, providerEntry(provider, input.credentialProxyPort)] as const,
  );
  const provider: Record<string, unknown> = {
    [DEMO_PROVIDER_ID]: demoProvider(input.credentialProxyPort),
    ...Object.fromEntries(entries),
  };
  const config = {
    $schema: "https://opencode.ai/config.json",
    share: "disabled",
    autoupdate: false,
    model,
    small_model: model,
    // Without the list opencode connects its own free models and takes one of them as the default.
    enabled_providers: [DEMO_PROVIDER_ID, ...providers.map((provider) => provider.providerId)],
    provider,
    permission: PERMISSIONS[input.settings.permissionMode],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** The credential proxy joins what opencode's SDK appends (`/messages`, `/chat/completions`, …) to the provider's own base. */
function providerEntry(provider: ProviderCredential, port: number) {
  return {
    npm: provider.npm,
    name: provider.name,
    options: {
      baseURL: `http://127.0.0.1:${port}/${encodeURIComponent(provider.providerId)}`,
      apiKey: MANAGED_KEY,
    },
    models: Object.fromEntries(provider.models.map((model) => [model.id, modelEntry(model)])),
  };
}

function modelEntry(model: Model) {
  return {
    name: model.name,
    tool_call: model.toolCall,
    reasoning: model.reasoning,
    attachment: model.attachment,
    ...(model.attachment ? { modalities: { input: ["text", "image", "pdf"], output: ["text"] } } : {}),
    limit: { context: model.contextTokens, output: model.outputTokens },
    cost: {
      input: model.price.input,
      output: model.price.output,
      cache_read: model.price.cacheRead,
      cache_write: model.price.cacheWrite,
    },
  };
}

function demoProvider(port: number) {
  return {
    npm: "@ai-sdk/openai-compatible",
    name: "Demo",
    options: { baseURL: `http://127.0.0.1:${port}/${DEMO_PROVIDER_ID}/v1`, apiKey: MANAGED_KEY },
    models: {
      "demo-1": {
        name: "Demo model",
        tool_call: true,
        reasoning: true,
        limit: { context: 200_000, output: 8192 },
        cost: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
      },
    },
  };
}

/**
 * The file that opencode reads its configuration from. It stands in a directory of the sidecar's own uid in a parent where
 * the agent cannot write, so the agent can read it, and neither change or replace it nor fill the disk that it is on. {@link ConfigFile.remove} by whoever made it.
 */
export class ConfigFile {
  #text: string | null = null;

  private constructor(readonly dir: string) {}

  static async create(parent: string): Promise<ConfigFile> {
    const dir = await mkdtemp(join(parent, "openagent-config-"));
    await chmod(dir, 0o755);
    return new ConfigFile(dir);
  }

  get path(): string {
    return join(this.dir, "opencode.json");
  }

  /**
   * Replaces the file in one step. Returns false when it had this text already.
   * @throws SidecarError `internal` when it cannot be written; the file is as it was then.
   */
  async write(text: string): Promise<boolean> {
    if (text === this.#text) return false;
    try {
      await this.#replace(text);
    } catch (cause) {
      const sentence = "The agent's settings could not be written: restart the session, then try again.";
      throw new SidecarError("internal", sentence, describeError(cause), { cause });
    }
    this.#text = text;
    return true;
  }

  async #replace(text: string): Promise<void> {
    const next = `${this.path}.next`;
    await writeFile(next, text, { mode: 0o644 });
    await chmod(next, 0o644);
    await rename(next, this.path);
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
