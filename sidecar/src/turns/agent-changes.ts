import type { AgentSettings, ProviderCredential } from "../protocol";
import type { AgentClient } from "../opencode/client";
import type { AgentSetup } from "./agent-setup";

/** What opencode is to be set up with from now on. */
export interface AgentChange {
  providers?: readonly ProviderCredential[];
  settings?: AgentSettings;
}

/** Changes of opencode's configuration: made one after the other, never while a turn runs, as a reload ends its tools. */
export class AgentChanges {
  readonly #setup: AgentSetup;
  readonly #client: () => AgentClient | null;
  readonly #inTurn: () => boolean;
  #pending: AgentChange = {};
  /** Changes and sends, in order. */
  #chain: Promise<void> = Promise.resolve();

  constructor(options: { setup: AgentSetup; client: () => AgentClient | null; inTurn: () => boolean }) {
    this.#setup = options.setup;
    this.#client = options.client;
    this.#inTurn = options.inTurn;
  }

  /** At once, or when the running turn has ended. */
  async make(change: AgentChange): Promise<"now" | "after_turn"> {
    this.#pending = { ...this.#pending, ...change };
    if (this.#inTurn()) return "after_turn";
    return (await this.makeBetweenTurns()) ? "now" : "after_turn";
  }

  /**
   * Makes what is pending and `settings`, then acts, before any other change.
   * @throws SidecarError as {@link AgentSetup.change}, and what `act` throws
   */
  async makeBefore(settings: AgentSettings, act: () => Promise<void>): Promise<void> {
    await this.#serially(async () => {
      this.#pending = { ...this.#pending, settings };
      await this.#makePending();
      const client = this.#client();
      if (client) await this.#setup.loadProviders(client);
      await act();
    });
  }

  /** False when a turn has begun meanwhile: what is pending stays for it, or for its end. */
  async makeBetweenTurns(): Promise<boolean> {
    let made = false;
    await this.#serially(async () => {
      if (this.#inTurn()) return;
      await this.#makePending();
      made = true;
    });
    return made;
  }

  async #makePending(): Promise<void> {
    const client = this.#client();
    await client?.prepared;
    const change = this.#pending;
    this.#pending = {};
    try {
      await this.#setup.change(change, client);
    } catch (error) {
      // Tried again at the next occasion; what was asked for meanwhile is newer.
      this.#pending = { ...change, ...this.#pending };
      throw error;
    }
  }

  #serially(act: () => Promise<void>): Promise<void> {
    const result = this.#chain.then(act);
    this.#chain = result.catch(() => {
      // Told to the caller by `result`; the next in line is not concerned.
    });
    return result;
  }
}
