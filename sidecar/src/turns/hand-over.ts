import { SidecarError } from "../errors";
import type { AgentClient } from "../opencode/client";
import type { PromptRequest } from "../protocol";
import type { Turn } from "./turn";

export interface HandOverOptions {
  client: () => AgentClient | null;
  /** A line in the log about the turn. */
  tell: (message: string, turn: Turn) => void;
}

/** Gives opencode what a turn is made of. */
export class HandOver {
  readonly #options: HandOverOptions;

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /** Resolves when opencode has taken the prompt; its events tell the rest. @throws SidecarError */
  async prompt(turn: Turn, request: PromptRequest): Promise<void> {
    const { model, agent } = request.settings;
    const input = {
      text: request.text,
      model,
      agent,
      effort: request.effort,
      attachments: request.attachments ?? [],
    };
    await this.#clientFor(turn).prompt(input);
    turn.taken = true;
    this.#options.tell("opencode has the prompt", turn);
  }

  /** Resolves when the command has ended. @throws SidecarError */
  async shell(turn: Turn, request: PromptRequest): Promise<void> {
    const { model, agent } = request.settings;
    this.#options.tell("opencode gets the command", turn);
    await this.#clientFor(turn).shell({ command: request.text, model, agent });
  }

  #clientFor(turn: Turn): AgentClient {
    const client = this.#options.client();
    if (!client) throw new SidecarError("agent_failed", "The agent stopped: send the prompt again.");
    turn.sent = true;
    return client;
  }
}
