import { describe, expect, it } from "vitest";
import { endpointInput } from "./endpoint-input";

const filled = (over: Record<string, string>) => (name: string) =>
  ({ name: "Ollama", baseUrl: " https://llm.example.org/v1 ", key: "k", models: "a", ...over })[name] ?? "";

describe("an endpoint's fields", () => {
  it.each([
    ["Ollama", "ollama"],
    [" vLLM on Größe #2 ", "vllm-on-gro-e-2"],
    ["__home", "home"],
    ["é", "e"],
    ["a".repeat(80), "a".repeat(64)],
  ])("make of the name %s the id %s", (name, providerId) => {
    expect(endpointInput(filled({ name })).providerId).toBe(providerId);
  });

  it("need a name that makes one", () => {
    expect(() => endpointInput(filled({ name: "模型" }))).toThrow(/at least one letter/);
  });

  it("name models one a line, each once", () => {
    expect(endpointInput(filled({ models: " llama3.3 \n\nqwen3\r\nllama3.3" }))).toMatchObject({
      models: ["llama3.3", "qwen3"],
      baseUrl: "https://llm.example.org/v1",
    });
  });
});
