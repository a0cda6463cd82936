import { setTimeout as delay } from "node:timers/promises";
import { describeError, type Log } from "../log";
import type { RunningAgent } from "./running-agent";
import type { Turn } from "./turn";

const ABORT_ROUND_MS = 1000;
const ABORT_ROUNDS = 4;
/** A prompt that opencode refuses never makes it busy, so no end is announced either. */
export const REFUSED_AFTER_MS = 500;

export interface AgentAbortOptions {
  agent: Pick<RunningAgent, "client" | "restart">;
  /** The turn has not ended, and opencode is there to end it. */
  isAtWork: (turn: Turn) => boolean;
  settleIfIdle: (turn: Turn) => Promise<void>;
  log: Log;
}

/** Makes opencode stop a turn. */
export class AgentAbort {
  readonly #options: AgentAbortOptions;

  constructor(options: AgentAbortOptions) {
    this.#options = options;
  }

  /** Resolves after the turn's end: opencode comes to rest, or is started again. */
  async stop(turn: Turn): Promise<void> {
    const { agent, isAtWork } = this.#options;
    for (let round = 0; round < ABORT_ROUNDS && isAtWork(turn); round += 1) {
      await this.#round(turn);
      await Promise.race([turn.over, delay(ABORT_ROUND_MS)]);
    }
    if (isAtWork(turn)) agent.restart();
    await turn.over;
  }

  async #round(turn: Turn): Promise<void> {
    const { agent, settleIfIdle, log } = this.#options;
    try {
      await Promise.race([agent.client()?.abort(), delay(ABORT_ROUND_MS)]);
    } catch (error) {
      log.warn("abort failed, trying again", { error: describeError(error) });
    }
    if (turn.busySeen) return;
    await Promise.race([turn.over, delay(REFUSED_AFTER_MS)]);
    if (!turn.busySeen) await Promise.race([settleIfIdle(turn), delay(ABORT_ROUND_MS)]);
  }
}
