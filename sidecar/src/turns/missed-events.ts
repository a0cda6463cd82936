import type { SidecarEventBody } from "../contract";
import type { Normaliser } from "../events/normaliser";
import { describeError, type Log } from "../log";
import type { AgentClient } from "../opencode/client";

export interface MissedEventsOptions {
  /** opencode's id of the main conversation. */
  sessionId: string;
  normaliser: Normaliser;
  client: () => AgentClient | null;
  emit: (events: readonly SidecarEventBody[]) => void;
  log: Log;
}

/** Asks opencode for what its event stream did not deliver of a turn. A failure leaves it missing, with a line in the log. */
export class MissedEvents {
  readonly #options: MissedEventsOptions;

  constructor(options: MissedEventsOptions) {
    this.#options = options;
  }

  /** Tells what opencode has stored and was not told, also of sub-agents at work, and of theirs. @param isWanted false: the turn is over */
  async fromStore(isWanted: () => boolean): Promise<void> {
    const { sessionId, normaliser, log } = this.#options;
    try {
      const asked = new Set<string>();
      for (let next: string | undefined = sessionId; next !== undefined;) {
        asked.add(next);
        await this.#takeHistory(next, isWanted);
        next = normaliser.openChildren().find((childId) => !asked.has(childId));
      }
    } catch (error) {
      log.warn("agent history unknown", { error: describeError(error) });
    }
  }

  /** Opens what was asked while no events came: an approval that nobody sees would hold the turn for ever. */
  async openRequests(isWanted: () => boolean): Promise<void> {
    const { normaliser, client, emit, log } = this.#options;
    try {
      const waiting = (await client()?.waiting()) ?? [];
      if (!isWanted()) return;
      for (const event of waiting) emit(normaliser.take(event));
    } catch (error) {
      log.warn("open requests unknown", { error: describeError(error) });
    }
  }

  async #takeHistory(sessionId: string, isWanted: () => boolean): Promise<void> {
    const { normaliser, client, emit } = this.#options;
    const history = await client()?.history(sessionId);
    if (history && isWanted()) emit(normaliser.takeHistory(history));
  }
}
