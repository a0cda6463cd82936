import { describe, expect, it } from "vitest";
import { failureOf, retryOf } from "./failures";

const api = (statusCode?: number, message = "m") => ({
  name: "APIError",
  data: { message, ...(statusCode === undefined ? {} : { statusCode }) },
});
const unknown = (message: string) => ({ name: "UnknownError", data: { message } });

describe("what a failure is called", () => {
  it.each([
    [api(401), "provider_auth"],
    [api(403), "provider_auth"],
    [{ name: "ProviderAuthError", data: { message: "m" } }, "provider_auth"],
    [api(402), "provider_payment"],
    [api(429), "provider_rate_limited"],
    [api(500), "provider_unavailable"],
    [api(undefined), "provider_unavailable"],
    [api(undefined, "Connection reset by server"), "provider_cut"],
    [api(529, "Overloaded"), "provider_overloaded"],
    [api(502, "Scripted could not be reached; check the provider's address."), "provider_unreachable"],
    [api(408, "Request timeout"), "provider_unavailable"],
    [api(400), "provider_rejected"],
    [api(400, "max_tokens is too large: 429 at most"), "provider_rejected"],
    [{ name: "ContextOverflowError", data: {} }, "context_overflow"],
    [{ name: "MessageOutputLengthError", data: {} }, "output_limit"],
    [unknown("Model not found: a/b."), "model_not_found"],
    [unknown('{"message":"upstream exploded","type":"server_error","code":500}'), "provider_unavailable"],
    [unknown("EDQUOT: disk quota exceeded, write"), "agent_error"],
    [{ name: "SomethingNew", data: {} }, "agent_error"],
  ])("%j is %s", (error, code) => {
    const failure = failureOf(error);
    expect(failure?.code).toBe(code);
    expect(failure?.message).toMatch(/: .+\.$/);
  });

  it("is nothing for an abort", () => {
    expect(failureOf({ name: "MessageAbortedError", data: { message: "Aborted" } })).toBeNull();
  });
});

/**
 * What opencode 1.18.33 said in `session.status` when calls of a model failed in these ways; the last three are sentences
 * of the server's way out, which it passes on like any other.
 */
const RECORDED: readonly (readonly [how: string, words: string, code: string])[] = [
  ["429 of the demo model", "The demo model's script asked it to fail with 429.", "provider_rate_limited"],
  [
    "429 of OpenAI",
    "Rate limit reached for m1 in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, Requested 3000. Please try again in 4s.",
    "provider_rate_limited",
  ],
  [
    "429 of a spent quota",
    "You exceeded your current quota, please check your plan and billing details.",
    "provider_rate_limited",
  ],
  [
    "429 of Anthropic",
    "This request would exceed your organization's rate limit of 30,000 input tokens per minute.",
    "provider_rate_limited",
  ],
  ["429 without JSON", "Too Many Requests: slow down", "provider_rate_limited"],
  [
    "429 in the middle of a stream",
    '{"message":"Rate limit exceeded","type":"rate_limit_error","code":429}',
    "provider_rate_limited",
  ],
  ["529 of Anthropic", "Provider is overloaded", "provider_overloaded"],
  [
    "overload in the middle of a stream",
    '{"type":"overloaded_error","message":"Overloaded"}',
    "provider_overloaded",
  ],
  ["503", "The engine is currently overloaded, please try again later", "provider_overloaded"],
  ["500 of the demo model", "The demo model's script asked it to fail with 500.", "provider_unavailable"],
  ["500 without a body", "Internal Server Error", "provider_unavailable"],
  ["500", "The server had an error while processing your request. Sorry about that!", "provider_unavailable"],
  ["500 that says nothing", "oops", "provider_unavailable"],
  ["502 of a gateway", "Bad Gateway", "provider_unavailable"],
  ["504", "Gateway timeout", "provider_unavailable"],
  ["408", "Request timeout", "provider_unavailable"],
  ["a cut after some text", "Connection reset by server", "provider_cut"],
  [
    "a cut before the first word",
    "Cannot connect to API: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
    "provider_cut",
  ],
  [
    "a provider that does not answer",
    "Scripted could not be reached; check the provider's address and whether it is up, then try again.",
    "provider_unreachable",
  ],
  [
    "a name that does not exist",
    "The name up.example could not be resolved (ENOTFOUND). Check its spelling, and whether this server reaches the Internet and its name server; then try again.",
    "provider_unreachable",
  ],
  [
    "a port where nothing listens",
    "10.0.0.5:11434 did not take the connection (ECONNREFUSED). Check that the service runs and that the port is right, then try again.",
    "provider_unreachable",
  ],
  [
    "a host that the session may not reach",
    "api.acme.example:443 was refused: api.acme.example is not among the hosts that this session may reach. Ask an administrator to add it.",
    "provider_unreachable",
  ],
];

describe("what a retry is called", () => {
  const AT = "2026-11-25T17:08:27.221Z";

  it.each(RECORDED)("%s", (_how, words, code) => {
    expect(retryOf(words, AT)).toMatchObject({ code, detail: words });
  });

  it("says what happened, when it goes on by itself, and what else can be done", () => {
    expect(retryOf("Provider is overloaded", AT).message).toBe(
      "The provider is overloaded. The agent tries again by itself at 2026-11-25 17:08:27 UTC: wait for it, or stop the turn and choose another model.",
    );
    expect(retryOf("Unable to connect", AT).message).toContain(
      "stop the turn and check the provider's address",
    );
  });

  it("leaves out what it was not told, and cuts what is long", () => {
    expect(retryOf("", AT)).not.toHaveProperty("detail");
    expect(retryOf("x".repeat(5000), AT).detail).toHaveLength(4000);
  });
});
