import type { Failure } from "../contract";
import type { AgentError } from "./wire";

const FAILURES = {
  provider_auth: "The provider refused the key: check it in Settings → Keys.",
  provider_payment: "The provider wants payment: check the account's balance, or choose another model.",
  provider_rate_limited: "The provider's rate limit is reached: wait a moment, or choose another model.",
  provider_unavailable: "The provider does not answer properly: try again, or choose another model.",
  provider_rejected: "The provider rejected the request: choose another model, or read the detail.",
  context_overflow:
    "The conversation is longer than the model can read: start a new session, or choose a model with a larger context.",
  output_limit: "The model's answer reached its length limit: ask it to go on.",
  content_filtered: "The provider's content filter stopped the answer: word the prompt differently.",
  model_not_found: "The model is not available: choose another one.",
  agent_not_found: "This agent does not exist: choose another one.",
  agent_error: "The agent failed: send the prompt again, and restart the session if it fails again.",
} as const;
export type AgentFailureCode = keyof typeof FAILURES;

const DETAIL_UNITS = 4000;

export function agentFailure(code: AgentFailureCode, detail?: string): Failure {
  return { code, message: FAILURES[code], ...(detail ? { detail: detail.slice(0, DETAIL_UNITS) } : {}) };
}

/** The sentence for what went wrong; null for an abort, which is no failure. */
export function failureOf(error: AgentError): Failure | null {
  if (error.name === "MessageAbortedError") return null;
  return agentFailure(codeOf(error), detailOf(error));
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
      return codeOfStatus(error.data.statusCode);
    default:
      return codeOfText(error.data.message ?? "");
  }
}

function codeOfStatus(status: number | undefined): AgentFailureCode {
  if (status === 401 || status === 403) return "provider_auth";
  if (status === 402) return "provider_payment";
  if (status === 429) return "provider_rate_limited";
  if (status === 413) return "context_overflow";
  if (status === undefined || status >= 500) return "provider_unavailable";
  return "provider_rejected";
}

/** opencode gives these two no name of their own. */
function codeOfText(message: string): AgentFailureCode {
  if (message.includes("Model not found")) return "model_not_found";
  if (message.includes("Agent not found")) return "agent_not_found";
  return "agent_error";
}

function detailOf(error: AgentError): string {
  const status = error.data.statusCode === undefined ? "" : ` (HTTP ${error.data.statusCode})`;
  return `${error.name}${status}: ${error.data.message ?? "no message"}`;
}
