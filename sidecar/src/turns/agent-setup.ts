import type { AgentSettings, ProviderCredential } from "../protocol";
import { renderOpencodeConfig, type ConfigFile } from "../opencode/config-file";
import type { AgentClient } from "../opencode/client";

/** What opencode is set up with: the providers' table (shared with the credential proxy) and the session's settings. */
export class AgentSetup {
  readonly #file: ConfigFile;
  readonly #credentialProxyPort: number;
  #providers: readonly ProviderCredential[];
  #settings: AgentSettings;
  /** The configuration that the running opencode has read. */
  #loaded: string | null = null;
  #providersLoaded = false;

  constructor(options: {
    file: ConfigFile;
    credentialProxyPort: number;
    providers: readonly ProviderCredential[];
    settings: AgentSettings;
  }) {
    this.#file = options.file;
    this.#credentialProxyPort = options.credentialProxyPort;
    this.#providers = options.providers;
    this.#settings = options.settings;
  }

  get providers(): readonly ProviderCredential[] {
    return this.#providers;
  }

  get title(): string {
    return this.#settings.title;
  }

  /** Writes the configuration for a fresh opencode. */
  async prepare(): Promise<void> {
    await this.#file.write(this.#render(this.#settings));
    this.#loaded = this.#keyOf();
    this.#providersLoaded = false;
  }

  /** To be waited for before a prompt is sent; not earlier, as it takes memory that an idle session does not need. */
  async loadProviders(client: AgentClient): Promise<void> {
    if (this.#providersLoaded) return;
    await client.loadProviders();
    this.#providersLoaded = true;
  }

  /**
   * Takes new providers or settings and makes a running opencode follow. Only between turns: a reload ends running tools.
   * @throws SidecarError `agent_failed`, `agent_silent`, or `internal` when the configuration cannot be written
   */
  async change(
    change: { providers?: readonly ProviderCredential[]; settings?: AgentSettings },
    client: AgentClient | null,
  ): Promise<void> {
    const titleBefore = this.#settings.title;
    // The credential proxy follows in any case: a key that was taken back must not serve on because a file cannot be written.
    this.#providers = change.providers ?? this.#providers;
    const settings = change.settings ?? this.#settings;
    await this.#file.write(this.#render(settings));
    this.#settings = settings;
    if (!client) return;
    if (this.#loaded !== this.#keyOf()) {
      await client.reload();
      this.#loaded = this.#keyOf();
      this.#providersLoaded = false;
    }
    if (this.#settings.title !== titleBefore) await client.rename(this.#settings.title);
  }

  #render(settings: AgentSettings): string {
    return renderOpencodeConfig({
      providers: this.#providers,
      settings,
      credentialProxyPort: this.#credentialProxyPort,
    });
  }

  /** What a reload is needed for: not the default model, as each prompt names its own. */
  #keyOf(): string {
    return this.#render({ ...this.#settings, model: { providerId: "any", modelId: "any" } });
  }
}
