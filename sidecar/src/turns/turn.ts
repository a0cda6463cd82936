import { randomUUID } from "node:crypto";
import type { Failure } from "../contract";
import { currentRequestId } from "../request-scope";

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

/** @param detail why the spool cannot write */
export function noRoom(detail: string | null): Failure {
  return spoolFailure(
    "Events cannot be stored: free disk space on the server, then send the prompt again.",
    detail,
  );
}

/** @param detail why the spool cannot write, if so */
export function leftAlone(detail: string | null): Failure {
  return spoolFailure(
    "The server was away for so long that no more could be kept of this turn: send the prompt again to go on.",
    detail,
  );
}

function spoolFailure(message: string, detail: string | null): Failure {
  return { code: "spool", message, ...(detail ? { detail } : {}) };
}

/** Of the prompt that the request at work brought. */
export function newTurn(promptId: string, nowMs: number): Turn {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const place = { turnId: `trn_${randomUUID()}`, promptId, requestId: currentRequestId() };
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
