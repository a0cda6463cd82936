/**
 * Where a request goes. Scheme, host and path prefix come from the server's table; the agent chooses only what stands
 * below the prefix. Everything that some upstream could read as a way out of it is refused instead of cleaned.
 */
import type { ProviderCredential } from "../protocol";
import { ProxyError } from "./proxy-error";

/** Query parameters that carry credentials somewhere; compared in lower case. */
const CREDENTIAL_PARAMS = new Set([
  "key",
  "api_key",
  "api-key",
  "apikey",
  "access_token",
  "auth_token",
  "oauth_token",
]);

/**
 * An encoded dot, slash, backslash or control character, encoded any number of times (`%2e`, `%252e`, …): no model API
 * needs one, and how often an upstream decodes is not known.
 */
const ENCODED_ESCAPE = /%(?:25)*(?:2e|2f|5c|[01][0-9a-f]|7f)/i;
/** `.` and `..`, also with the `;parameter` that some servers cut off. */
const DOT_SEGMENT = /^\.{1,2}(?:;|$)/;
/** Visible ASCII without `\`, `#`, and the other characters that URL parsers treat each in their own way. */
const PLAIN_TARGET = /^\/[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~[\]]*$/;

/**
 * Checks a request target as it stood on the wire (path and query), before any URL parser has tidied it.
 * @throws ProxyError `bad_path`
 */
export function assertPlainTarget(target: string): void {
  const path = target.split("?", 1)[0] ?? "";
  const refused =
    !PLAIN_TARGET.test(target) ||
    path.includes("//") ||
    ENCODED_ESCAPE.test(path) ||
    path.split("/").some((segment) => DOT_SEGMENT.test(segment));
  if (refused) {
    throw new ProxyError(
      "bad_path",
      "This address is not one that model providers use; ask for /<provider>/<path> without dots, double slashes or encoded slashes.",
    );
  }
}

/** `rest` is "" for the provider's base itself. */
export function splitProvider(pathname: string): { providerId: string; rest: string } {
  const end = pathname.indexOf("/", 1);
  return end === -1
    ? { providerId: pathname.slice(1), rest: "" }
    : { providerId: pathname.slice(1, end), rest: pathname.slice(end + 1) };
}

/**
 * Joins what the agent asked for to the provider's base address, without the credentials of its query.
 * @param rest checked by {@link assertPlainTarget}
 * @throws ProxyError `bad_provider` when the table's address is not http(s); `bad_path` when the result would leave it
 */
export function resolveTarget(provider: ProviderCredential, rest: string, search: string): URL {
  const base = new URL(provider.baseUrl);
  if (base.protocol !== "https:" && base.protocol !== "http:") {
    throw new ProxyError(
      "bad_provider",
      `The address of provider ${provider.providerId} must begin with https:// or http://; correct it in the settings.`,
    );
  }
  const prefix = base.pathname.replace(/\/+$/, "");
  const target = new URL(base.origin);
  target.pathname = rest === "" ? prefix || "/" : `${prefix}/${rest}`;
  target.search = mergeQuery(base.searchParams, search);
  const stays = target.pathname === (prefix || "/") || target.pathname.startsWith(`${prefix}/`);
  if (target.origin !== base.origin || !stays) {
    throw new ProxyError(
      "bad_path",
      "This address is outside of the provider's API; ask for a path below it.",
    );
  }
  return target;
}

/** The table's own parameters win over the agent's of the same name. */
function mergeQuery(fixed: URLSearchParams, search: string): string {
  const asked = new URLSearchParams(search);
  for (const name of [...asked.keys()]) {
    if (CREDENTIAL_PARAMS.has(name.toLowerCase()) || fixed.has(name)) asked.delete(name);
  }
  for (const [name, value] of fixed) asked.append(name, value);
  return asked.toString();
}
