import type { Failure } from "../contract";
import type { AgentError } from "./wire";

interface FailureText {
  /** What has happened. */
  what: string;
  todo: string;
}

const FAILURES = {
  provider_auth: { what: "The provider refused the key", todo: "check it in Settings → Keys" },
  provider_payment: {
    what: "The provider wants payment",
    todo: "check the account's balance, or choose another model",
  },
  provider_rate_limited: {
    what: "The provider's rate limit or the account's quota is reached",
    todo: "wait a moment, look at the account's plan, or choose another model",
  },
  provider_overloaded: {
    what: "The provider is overloaded",
    todo: "wait a moment, or choose another model",
  },
  provider_unreachable: {
    what: "The provider cannot be reached",
    todo: "check its address in Settings → Keys and whether it is up, or choose another model",
  },
  provider_cut: {
    what: "The provider broke its answer off",
    todo: "send the prompt again, or choose another model",
  },
  provider_unavailable: {
    what: "The provider does not answer properly",
    todo: "try again, or choose another model",
  },
  provider_rejected: {
    what: "The provider rejected the request",
    todo: "choose another model, or read the detail",
  },
  context_overflow: {
    what: "The conversation is longer than the model can read",
    todo: "start a new session, or choose a model with a larger context",
  },
  output_limit: { what: "The model's answer reached its length limit", todo: "ask it to go on" },
  content_filtered: {
    what: "The provider's content filter stopped the answer",
    todo: "word the prompt differently",
  },
  model_not_found: { what: "The model is not available", todo: "choose another one" },
  agent_not_found: { what: "This agent does not exist", todo: "choose another one" },
  agent_error: {
    what: "The agent failed",
    todo: "send the prompt again, and restart the session if it fails again",
  },
} as const satisfies Record<string, FailureText>;
export type AgentFailureCode = keyof typeof FAILURES;

/** Failures after which opencode calls the model again by itself, with what a person can do but wait. */
const INSTEAD_OF_WAITING = {
  provider_rate_limited: "choose another model",
  provider_overloaded: "choose another model",
  provider_unreachable: "check the provider's address in Settings → Keys, or choose another model",
  provider_cut: "choose another model",
  provider_unavailable: "choose another model",
} as const satisfies Partial<Record<AgentFailureCode, string>>;
type RetriedCode = keyof typeof INSTEAD_OF_WAITING;

/**
 * A failed call that opencode repeats is told in words alone: the provider's own, those of its HTTP library, or the
 * sentence of the credential proxy or of the server's way out (recorded from 1.18.33, see failures.test.ts). The first
 * that fits counts.
 */
const WORDS: readonly (readonly [RetriedCode, RegExp])[] = [
  [
    "provider_rate_limited",
    /\b429\b|rate[ _-]?limit|rate increased too quickly|too[ _]many[ _]requests|(?<!disk )quota|usage limit|per[- ]minute|slow down|resource[ _]exhausted/i,
  ],
  ["provider_overloaded", /overloaded|at capacity|\b529\b/i],
  [
    "provider_unreachable",
    /could not be (?:reached|resolved)|did not (?:take the|open a) connection|was refused: |no access to the network/i,
  ],
  [
    "provider_cut",
    /connection reset|econnreset|connection was closed|connection lost|socket hang up|^terminated$|decompression failed/i,
  ],
  [
    "provider_unreachable",
    /econnrefused|enotfound|eai_again|etimedout|getaddrinfo|connection refused|(?:unable to|cannot) connect|fetch failed|failed to fetch/i,
  ],
  [
    "provider_unavailable",
    /\b(?:500|502|503|504|524)\b|server[ _-]error|internal[ _]error|service[ _-]unavailable|bad gateway|\b(?:gateway|request|response|network|stream|read) (?:time-?out|timed out)\b/i,
  ],
];

const DETAIL_UNITS = 4000;

export function agentFailure(code: AgentFailureCode, detail?: string): Failure {
  const { what, todo } = FAILURES[code];
  return { code, message: `${what}: ${todo}.`, ...detailField(detail) };
}

/** The sentence for what went wrong; null for an abort, which is no failure. */
export function failureOf(error: AgentError): Failure | null {
  if (error.name === "MessageAbortedError") return null;
  return agentFailure(codeOf(error), detailOf(error));
}

/**
 * The sentence for a failed call that opencode will repeat.
 * @param words what opencode says of the failure
 * @param nextAt ISO time of the next call
 */
export function retryOf(words: string, nextAt: string): Failure {
  // It repeats calls only where the provider or the way to it is at fault.
  const code = codeOfWords(words) ?? "provider_unavailable";
  const when = nextAt.replace("T", " ").replace(/\.\d+Z$/, " UTC");
  const message = `${FAILURES[code].what}. The agent tries again by itself at ${when}: wait for it, or stop the turn and ${INSTEAD_OF_WAITING[code]}.`;
  return { code, message, ...detailField(words) };
}

function detailField(detail: string | undefined): { detail?: string } {
  return detail ? { detail: detail.slice(0, DETAIL_UNITS) } : {};
}

function codeOf(error: AgentError): AgentFailureCode {
  switch (error.name) {
    case "ProviderAuthError":
      return "provider_auth";
    case "ContextOverflowError":
      return "context_overflow";
    case "MessageOutputLengthError":
      return "output_limit";
    case "ContentFilterError":
      return "content_filtered";
    case "APIError":
      return codeOfAnswer(error.data.statusCode, error.data.message ?? "");
    default:
      return codeOfUnknown(error.data.message ?? "");
  }
}

function codeOfAnswer(status: number | undefined, words: string): AgentFailureCode {
  if (status === 401 || status === 403) return "provider_auth";
  if (status === 402) return "provider_payment";
  if (status === 429) return "provider_rate_limited";
  if (status === 413) return "context_overflow";
  if (status === undefined || status === 408 || status >= 500)
    return codeOfWords(words) ?? "provider_unavailable";
  return "provider_rejected";
}

/** opencode gives these no name of their own; among them what a provider says in the middle of its answer. */
function codeOfUnknown(message: string): AgentFailureCode {
  if (message.includes("Model not found")) return "model_not_found";
  if (message.includes("Agent not found")) return "agent_not_found";
  return codeOfWords(message) ?? "agent_error";
}

function codeOfWords(words: string): RetriedCode | null {
  return WORDS.find(([, pattern]) => pattern.test(words))?.[0] ?? null;
}

function detailOf(error: AgentError): string {
  const status = error.data.statusCode === undefined ? "" : ` (HTTP ${error.data.statusCode})`;
  return `${error.name}${status}: ${error.data.message ?? "no message"}`;
}
