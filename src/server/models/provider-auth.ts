import type { ProviderCredential } from "../../../sidecar/src/protocol";

/** Where a provider's API lives, and which header its key goes into. */
export type ProviderAuth = Pick<ProviderCredential, "baseUrl" | "auth">;

const BEARER = { kind: "bearer" } as const;

/**
 * `baseUrl` is the base that the provider's SDK would use by itself. opencode is given
 * `http://127.0.0.1:3129/<providerId>` in its stead, so what the SDK appends (`/messages`, `/responses`,
 * `/chat/completions`, `/models/<m>:streamGenerateContent`) is what follows `<providerId>` at the credential proxy, which
 * appends it to `baseUrl` in turn. Hence the version prefix (`/v1`) stands here and never in opencode's base URL.
 *
 * Paths and headers were read off opencode 1.18.33 by a request of each provider to a local listener, base URLs off the
 * SDKs inside it and off the catalogue's `api`.
 */
export const PROVIDER_AUTH: Readonly<Record<string, ProviderAuth>> = {
  anthropic: { baseUrl: "https://api.anthropic.com/v1", auth: { kind: "header", header: "x-api-key" } },
  openai: { baseUrl: "https://api.openai.com/v1", auth: BEARER },
  google: {
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    auth: { kind: "header", header: "x-goog-api-key" },
  },
  openrouter: { baseUrl: "https://openrouter.ai/api/v1", auth: BEARER },
  xai: { baseUrl: "https://api.x.ai/v1", auth: BEARER },
  mistral: { baseUrl: "https://api.mistral.ai/v1", auth: BEARER },
  groq: { baseUrl: "https://api.groq.com/openai/v1", auth: BEARER },
  deepseek: { baseUrl: "https://api.deepseek.com", auth: BEARER },
  cerebras: { baseUrl: "https://api.cerebras.ai/v1", auth: BEARER },
  togetherai: { baseUrl: "https://api.together.xyz/v1", auth: BEARER },
  // Its SDK appends /openai/chat/completions.
  deepinfra: { baseUrl: "https://api.deepinfra.com/v1", auth: BEARER },
  cohere: { baseUrl: "https://api.cohere.com/v2", auth: BEARER },
  alibaba: { baseUrl: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", auth: BEARER },
  moonshotai: { baseUrl: "https://api.moonshot.ai/v1", auth: BEARER },
  zai: { baseUrl: "https://api.z.ai/api/paas/v4", auth: BEARER },
  "fireworks-ai": { baseUrl: "https://api.fireworks.ai/inference/v1", auth: BEARER },
  nvidia: { baseUrl: "https://integrate.api.nvidia.com/v1", auth: BEARER },
  huggingface: { baseUrl: "https://router.huggingface.co/v1", auth: BEARER },
  minimax: {
    baseUrl: "https://api.minimax.io/anthropic/v1",
    auth: { kind: "header", header: "x-api-key" },
  },
};

/** What opencode speaks to a person's own OpenAI-compatible endpoint with. */
export const OPENAI_COMPATIBLE_NPM = "@ai-sdk/openai-compatible";
