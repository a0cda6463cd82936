import { describe, expect, it } from "vitest";
import { failureOf } from "./failures";

const api = (statusCode?: number) => ({
  name: "APIError",
  data: { message: "m", ...(statusCode === undefined ? {} : { statusCode }) },
});

describe("what a failure is called", () => {
  it.each([
    [api(401), "provider_auth"],
    [api(403), "provider_auth"],
    [{ name: "ProviderAuthError", data: { message: "m" } }, "provider_auth"],
    [api(402), "provider_payment"],
    [api(429), "provider_rate_limited"],
    [api(500), "provider_unavailable"],
    [api(undefined), "provider_unavailable"],
    [api(400), "provider_rejected"],
    [{ name: "ContextOverflowError", data: {} }, "context_overflow"],
    [{ name: "MessageOutputLengthError", data: {} }, "output_limit"],
    [{ name: "UnknownError", data: { message: "Model not found: a/b." } }, "model_not_found"],
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
