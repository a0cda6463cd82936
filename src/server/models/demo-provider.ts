import { PORTS } from "../../../sidecar/src/image-places";
import type { ProviderCredential } from "../../../sidecar/src/protocol";

export const DEMO_PROVIDER_ID = "demo";
export const DEMO_MODEL = { providerId: DEMO_PROVIDER_ID, modelId: "demo-1" } as const;

/**
 * The scripted model inside the sidecar. The credential proxy answers `/demo` itself, so the base URL is never dialled
 * and the key is nobody's.
 */
export function demoCredential(): ProviderCredential {
  return {
    providerId: DEMO_PROVIDER_ID,
    name: "Demo",
    baseUrl: `http://127.0.0.1:${PORTS.credentialProxy}/${DEMO_PROVIDER_ID}`,
    auth: { kind: "none" },
    key: "demo",
    npm: "@ai-sdk/openai-compatible",
    models: [
      {
        id: DEMO_MODEL.modelId,
        name: "Demo model (scripted, no AI)",
        toolCall: true,
        reasoning: true,
        attachment: false,
        contextTokens: 200_000,
        outputTokens: 8_192,
        price: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
      },
    ],
  };
}
