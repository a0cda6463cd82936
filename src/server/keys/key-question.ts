/** What to ask a provider so that its answer tells whether a key is good, and costs nothing. */
import { upstreamHeaders } from "../../../sidecar/src/credential-proxy/proxy-headers";
import type { ProviderCredential } from "../../../sidecar/src/protocol";

export interface KeyQuestion {
  url: URL;
  /** With the credential, as the sidecar's proxy would send it. */
  headers: Record<string, string>;
  /** Whether a good answer is a list of models, whose number is told. */
  listsModels: boolean;
}

const MODELS = "models";

/**
 * Where `<base>/models` does not answer the question; relative to the provider's base URL. null: nothing does.
 * OpenRouter, DeepInfra, Hugging Face and NVIDIA list their models to anyone, so that a list says nothing of the key;
 * Cohere has its list under another version.
 */
const OTHER_QUESTIONS: Readonly<Record<string, string | null>> = {
  openrouter: "key",
  deepinfra: "me",
  huggingface: "https://huggingface.co/api/whoami-v2",
  nvidia: null,
  cohere: "/v1/models?page_size=1000",
};

/** The protocols that give their list in pages, with the size that has all of it on one. */
const PAGED: Readonly<Record<string, string>> = {
  "@ai-sdk/anthropic": "limit=1000",
  "@ai-sdk/google": "pageSize=1000",
};

/**
 * @param opts.isOwnEndpoint its name may be that of a provider, its ways are OpenAI's
 * @returns null when this provider answers no question that would tell
 */
export function keyQuestion(
  provider: ProviderCredential,
  opts: { isOwnEndpoint: boolean },
): KeyQuestion | null {
  const other = opts.isOwnEndpoint ? undefined : OTHER_QUESTIONS[provider.providerId];
  if (other === null) return null;
  const url = new URL(other ?? MODELS, `${provider.baseUrl}/`);
  const paged = PAGED[provider.npm];
  if (other === undefined && paged !== undefined) url.search = paged;
  const asked = new Headers({ accept: "application/json", "user-agent": "openagent" });
  if (provider.npm === "@ai-sdk/anthropic") asked.set("anthropic-version", "2023-06-01");
  return {
    url,
    headers: upstreamHeaders(asked, provider),
    listsModels: url.pathname.endsWith(`/${MODELS}`),
  };
}
