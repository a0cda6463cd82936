import type { RequestReply } from "../protocol";
import type { Normaliser } from "../events/normaliser";
import type { OpenState } from "../events/open-state";
import { agentIdOf } from "../events/requests";
import type { AgentClient } from "../opencode/client";

/** What became of an answer; `gone` when nobody waits for it any more. */
export interface Answered {
  delivered: boolean;
  gone: boolean;
}

/** Hands people's answers to opencode. */
export class Answers {
  readonly #state: OpenState;
  readonly #normaliser: Normaliser;
  /** An answer that is given again while it is on its way shares the fate of the first. */
  readonly #onTheWay = new Map<string, Promise<Answered>>();

  constructor(options: { state: OpenState; normaliser: Normaliser }) {
    this.#state = options.state;
    this.#normaliser = options.normaliser;
  }

  /** @throws SidecarError when opencode does not take the answer; the request is open as before then. */
  async give(requestId: string, reply: RequestReply, client: AgentClient | null): Promise<Answered> {
    const agentId = agentIdOf(requestId);
    if (!client || !agentId) return { delivered: false, gone: true };
    const first = this.#onTheWay.get(requestId);
    if (first) return first;
    const answered = this.#deliver(requestId, () => client.reply(agentId, reply));
    this.#onTheWay.set(requestId, answered);
    try {
      return await answered;
    } finally {
      this.#onTheWay.delete(requestId);
    }
  }

  async #deliver(requestId: string, send: () => Promise<boolean>): Promise<Answered> {
    const kind = this.#state.requestKind(requestId);
    if (kind === null) return { delivered: false, gone: true };
    const turn = this.#state.turn;
    // Before the call: opencode's own word on the answer, or the turn's end, may overtake its response.
    this.#normaliser.answered(requestId);
    this.#state.forgetRequest(requestId);
    try {
      const delivered = await send();
      return { delivered, gone: !delivered };
    } catch (error) {
      // With its turn the request has ended too.
      if (turn !== null && this.#state.turn === turn) {
        this.#state.restoreRequest(requestId, kind);
        this.#normaliser.unanswered(requestId);
      }
      throw error;
    }
  }
}
