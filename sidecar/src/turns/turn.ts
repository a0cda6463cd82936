import { randomUUID } from "node:crypto";
import type { Failure } from "../contract";
import type { Log, LogFields } from "../log";
import { currentRequestId, inRequest } from "../request-scope";

/** A prompt at work, from its arrival to the end of everything that it started. */
export interface Turn {
  readonly turnId: string;
  readonly promptId: string;
  /** Of the request that sent the prompt; null when it is not known. */
  readonly requestId: string | null;
  /** Resolves with `end`. */
  readonly over: Promise<void>;
  readonly end: () => void;
  aborting: boolean;
  /** opencode was given the prompt. */
  sent: boolean;
  /** opencode has said that it has the prompt: from now on its idle means that the turn is over. */
  taken: boolean;
  /** opencode has begun: an idle before that belongs to the turn before. */
  busySeen: boolean;
  settling: boolean;
  /** Begun by the process before this one, which ended in the middle of it. */
  readonly takenUp: boolean;
  /** opencode ended in the middle of it; it ends when the next one has told what it kept of it, or does not start. */
  cut: boolean;
  /** It is being ended, as its events find no room. */
  overfull: boolean;
  failure: Failure | null;
  lastEventMs: number;
}

export const INTERRUPTED: Failure = {
  code: "agent_interrupted",
  message: "The agent was interrupted in the middle of this turn: send the prompt again to go on.",
};

/** Of the prompt that the request at work brought. */
export function newTurn(promptId: string, nowMs: number): Turn {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const place = { turnId: `trn_${randomUUID()}`, promptId, requestId: currentRequestId(), takenUp: false };
  const state = {
    aborting: false,
    sent: false,
    taken: false,
    busySeen: false,
    settling: false,
    cut: false,
    overfull: false,
    failure: null,
  };
  return { ...place, over, end, ...state, lastEventMs: nowMs };
}

/** A turn that the process before this one left open; its opencode has ended with it. */
export function takenUpTurn({ turnId, promptId }: { turnId: string; promptId: string }, nowMs: number): Turn {
  return { ...newTurn(promptId, nowMs), turnId, requestId: null, takenUp: true, sent: true, cut: true };
}

/** Writes lines about turns to the log, each as of the request that brought its prompt. */
export function turnLines(log: Log, sessionId: string) {
  return (message: string, turn: Turn, fields: LogFields = {}): void => {
    const { turnId, promptId, requestId } = turn;
    inRequest(requestId, () => log.info(message, { sessionId, turnId, promptId, ...fields }));
  };
}
