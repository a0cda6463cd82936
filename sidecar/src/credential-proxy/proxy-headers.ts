/** What passes between the agent and a provider, and what does not. */
import type { ProviderCredential } from "../protocol";

/** Of one connection, not of the request (RFC 9110, 7.6.1), and what our own client sets anew. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
];

const NOT_TO_UPSTREAM = new Set([
  ...HOP_BY_HOP,
  "host",
  "expect",
  "accept-encoding",
  // A part of an answer could begin in the middle of a key that it echoes, where the key is not recognised.
  "range",
  "if-range",
  // Some upstreams take the method from these: another one than GET and POST would come in by them.
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  // Credentials, whichever way some provider takes them: the agent's own never go out beside or instead of ours.
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "api-key",
  "x-api-token",
  "x-auth-token",
  "x-access-token",
  "x-amz-security-token",
  "ocp-apim-subscription-key",
  "cookie",
]);

const NOT_TO_AGENT = new Set([...HOP_BY_HOP, "set-cookie", "set-cookie2", "alt-svc"]);

/** The agent's headers without credentials, with the provider's. */
export function upstreamHeaders(agent: Headers, provider: ProviderCredential): Record<string, string> {
  const named = connectionOptions(agent.get("connection"));
  const headers: Record<string, string> = {};
  for (const [name, value] of agent) {
    if (!NOT_TO_UPSTREAM.has(name) && !named.has(name)) headers[name] = value;
  }
  // A compressed answer could not be searched for the key.
  headers["accept-encoding"] = "identity";
  switch (provider.auth.kind) {
    case "bearer":
      headers.authorization = `Bearer ${provider.key}`;
      break;
    case "header":
      headers[provider.auth.header.toLowerCase()] = provider.key;
      break;
    case "none":
      break;
  }
  return headers;
}

/**
 * The provider's headers for the agent: no cookies, no length (the body may change).
 * @param redact replaces the key in a text
 */
export function agentHeaders(
  upstream: Record<string, string | string[] | undefined>,
  redact: (text: string) => string,
): Headers {
  const named = connectionOptions([upstream.connection].flat().join(","));
  const headers = new Headers();
  for (const [name, value] of Object.entries(upstream)) {
    if (value === undefined || NOT_TO_AGENT.has(name) || named.has(name)) continue;
    for (const one of [value].flat()) headers.append(name, redact(one));
  }
  return headers;
}

function connectionOptions(value: string | null): Set<string> {
  return new Set((value ?? "").split(",").map((name) => name.trim().toLowerCase()));
}
