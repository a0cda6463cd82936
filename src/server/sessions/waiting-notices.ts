import type { Clock } from "../clock";
import { SESSION_LIMITS } from "./limits";

/** Says when people should hear that a prompt waits for an agent that takes none. In memory: a restart may tell it again. */
export interface WaitingNotices {
  /** The agent did not take the prompt. @returns true once a prompt, when that has gone on for `waitingNoticeMs` */
  refused(prompt: { sessionId: string; id: string }): boolean;
  /** The session's agent has taken a prompt. */
  taken(sessionId: string): void;
}

export function createWaitingNotices(clock: Clock): WaitingNotices {
  /** By session, as its agent is offered one prompt at a time. */
  const waiting = new Map<string, { promptId: string; sinceMs: number; told: boolean }>();
  return {
    refused({ sessionId, id }) {
      const known = waiting.get(sessionId);
      if (known?.promptId !== id) {
        waiting.set(sessionId, { promptId: id, sinceMs: clock.monotonicNow(), told: false });
        return false;
      }
      if (known.told || clock.monotonicNow() - known.sinceMs < SESSION_LIMITS.waitingNoticeMs) return false;
      known.told = true;
      return true;
    },
    taken: (sessionId) => void waiting.delete(sessionId),
  };
}
