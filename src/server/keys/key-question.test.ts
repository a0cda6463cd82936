import { describe, expect, it } from "vitest";
import type { ProviderCredential } from "../../../sidecar/src/protocol";
import { bundledCatalog } from "../models/bundled-catalog";
import { PROVIDER_AUTH } from "../models/provider-auth";
import { providerOf } from "./key-provider";
import { keyQuestion } from "./key-question";

const catalog = bundledCatalog();
const KEY = "sk-oa-canary-0123456789abcdef";

function credential(providerId: string, baseUrl: string | null = null): ProviderCredential {
  const provider = providerOf(
    { providerId, name: providerId, baseUrl, models: baseUrl === null ? null : ["m"] },
    catalog,
  );
  if (provider === null) throw new Error(`${providerId} is unknown`);
  return { ...provider, key: KEY };
}
const ask = (providerId: string) => keyQuestion(credential(providerId), { isOwnEndpoint: false });

describe("keyQuestion", () => {
  it.each([
    ["anthropic", "https://api.anthropic.com/v1/models?limit=1000", "x-api-key", KEY],
    [
      "google",
      "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
      "x-goog-api-key",
      KEY,
    ],
    ["openai", "https://api.openai.com/v1/models", "authorization", `Bearer ${KEY}`],
    ["deepseek", "https://api.deepseek.com/models", "authorization", `Bearer ${KEY}`],
    ["groq", "https://api.groq.com/openai/v1/models", "authorization", `Bearer ${KEY}`],
    ["minimax", "https://api.minimax.io/anthropic/v1/models?limit=1000", "x-api-key", KEY],
    ["cohere", "https://api.cohere.com/v1/models?page_size=1000", "authorization", `Bearer ${KEY}`],
  ])(
    "asks %s for its models, with the key where its API takes it and nowhere else",
    (id, url, header, value) => {
      const question = ask(id);
      expect(question?.url.href).toBe(url);
      expect(question?.listsModels).toBe(true);
      const withKey = Object.entries(question?.headers ?? {}).filter(([, text]) => text.includes(KEY));
      expect(withKey).toEqual([[header, value]]);
      expect(question?.url.href).not.toContain(KEY);
    },
  );

  it("names the version of its API to Anthropic and who speaks its protocol, and to nobody else", () => {
    expect(ask("anthropic")?.headers).toMatchObject({ "anthropic-version": "2023-06-01" });
    expect(ask("minimax")?.headers).toMatchObject({ "anthropic-version": "2023-06-01" });
    expect(ask("openai")?.headers).not.toHaveProperty("anthropic-version");
  });

  it.each([
    ["openrouter", "https://openrouter.ai/api/v1/key"],
    ["deepinfra", "https://api.deepinfra.com/v1/me"],
    ["huggingface", "https://huggingface.co/api/whoami-v2"],
  ])("asks %s about the key itself, as its models are public", (id, url) => {
    expect(ask(id)).toMatchObject({ listsModels: false, headers: { authorization: `Bearer ${KEY}` } });
    expect(ask(id)?.url.href).toBe(url);
  });

  it("asks NVIDIA nothing, as only a prompt would tell", () => {
    expect(ask("nvidia")).toBeNull();
  });

  it("asks every provider that takes keys over https, for plain JSON", () => {
    for (const id of Object.keys(PROVIDER_AUTH)) {
      const question = ask(id);
      if (question === null) continue;
      expect(question.url.protocol, id).toBe("https:");
      expect(question.headers, id).toMatchObject({
        accept: "application/json",
        "accept-encoding": "identity",
      });
    }
  });

  it.each([
    ["mine", "https://models.example.com/v1", "https://models.example.com/v1/models"],
    ["openrouter", "https://models.example.com", "https://models.example.com/models"],
    ["nvidia", "http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1/models"],
  ])("asks an endpoint of one's own called %s in OpenAI's way", (id, baseUrl, url) => {
    const question = keyQuestion(credential(id, baseUrl), { isOwnEndpoint: true });
    expect(question?.url.href).toBe(url);
    expect(question?.headers).toMatchObject({ authorization: `Bearer ${KEY}` });
  });
});
