import type { AgentState, Failure, ProvisioningStep, SessionStatus } from "../../../sidecar/src/contract";
import type { Queue } from "../../server/sessions/line";
import type { Tone } from "../_ui/status-dot";

/** The order in which a session comes to be. */
export const STEPS: readonly ProvisioningStep[] = [
  "image",
  "volume",
  "container",
  "sidecar",
  "keys",
  "agent",
];

/** What the state is made of: a session of the API and one of the mirror both have it. */
export interface SessionFacts {
  status: SessionStatus;
  step: ProvisioningStep | null;
  reason: Failure | null;
  busy: boolean;
  needsInput: boolean;
  agentState: AgentState;
  queue: Queue | null;
  stopsAt: string | null;
}

export interface SessionState {
  tone: Tone;
  /** Such as `creating 3/6`. */
  word: string;
  /** What happened or is about to, and what to do. */
  why: string | null;
}

/** Nothing runs in it: what its log has begun and not ended was cut off, and ends when it is resumed. */
export function hasEnded({ status }: Pick<SessionFacts, "status">): boolean {
  return status === "stopped" || status === "error";
}

/** What a session's dot and word say, everywhere. */
export function sessionState(session: SessionFacts): SessionState {
  switch (session.status) {
    case "creating":
      return session.queue === null
        ? { tone: "running", word: creating(session.step), why: null }
        : { tone: "quiet", word: inLine(session.queue), why: session.queue.reason.message };
    case "stopped":
      return { tone: "off", word: "stopped", why: null };
    case "error":
      return { tone: "failed", word: "failed", why: session.reason?.message ?? null };
    case "active":
    case "idle":
      return session.stopsAt === null ? { ...atWork(session), why: null } : STOPS_SOON;
  }
}

const STOPS_SOON: SessionState = {
  tone: "quiet",
  word: "stops soon",
  why: "Nobody uses it. Open it to keep it running.",
};

const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
const SUFFIXES: Partial<Record<Intl.LDMLPluralRule, string>> = { one: "st", two: "nd", few: "rd" };

/** Such as `2nd in line`. */
export function inLine({ position }: Pick<Queue, "position">): string {
  return `${position}${SUFFIXES[ORDINALS.select(position)] ?? "th"} in line`;
}

function creating(step: ProvisioningStep | null): string {
  return step === null ? "creating" : `creating ${STEPS.indexOf(step) + 1}/${STEPS.length}`;
}

function atWork({ status, busy, needsInput, agentState }: SessionFacts): { tone: Tone; word: string } {
  if (needsInput) return { tone: "attention", word: "needs you" };
  if (busy || status === "active") return { tone: "running", word: "running" };
  if (agentState === "waking") return { tone: "running", word: "waking" };
  return agentState === "asleep" ? { tone: "quiet", word: "asleep" } : { tone: "quiet", word: "idle" };
}
