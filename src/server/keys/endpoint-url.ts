import { isIP } from "node:net";
import { canonicalHost } from "../egress/host-name";
import { formatHostPort, type HostPort } from "../egress/parse-host-port";
import { refusedAs } from "../egress/refused-addresses";
import { AppError } from "../errors";

/** Names that mean this machine or a machine of its network. */
const CLOSED_NAMES = /(^|\.)(localhost|local|internal|intranet|lan|home|arpa)$/;

/**
 * Checks the base URL of a person's own model endpoint. What a public name resolves to is checked where it is dialled,
 * by the egress proxy.
 * @returns the URL without a slash at its end
 * @throws AppError `bad_endpoint`
 */
export function checkedEndpoint(text: string, allowPrivate: readonly HostPort[]): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null)
    throw badEndpoint("The base URL is not a URL. Write it like https://models.example.com/v1.");
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw badEndpoint("The base URL must begin with https:// (or http:// for an allowed private endpoint).");
  }
  if (url.username !== "" || url.password !== "") {
    throw badEndpoint(
      "The base URL contains a user name or password. Leave them out; the key goes into its own field.",
    );
  }
  if (text.includes("?") || text.includes("#")) {
    throw badEndpoint("The base URL ends before any ? or #. Leave the rest out.");
  }
  const host = canonicalHost(url.hostname);
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  if (host === null || port === 0)
    throw badEndpoint("The base URL names no host. Check it for typing errors.");
  const allowed = allowPrivate.some((entry) => entry.host === host && entry.port === port);
  if (!allowed && isPrivate(host)) throw badEndpoint(privateHint({ host, port }));
  if (!allowed && url.protocol === "http:") {
    throw badEndpoint("Over http:// the key would travel in clear. Use https://.");
  }
  return `${url.protocol}//${url.host}${url.pathname}`.replace(/\/+$/, "");
}

function isPrivate(host: string): boolean {
  if (isIP(host) !== 0) return refusedAs(host) !== null;
  return !host.includes(".") || CLOSED_NAMES.test(host);
}

function privateHint(endpoint: HostPort): string {
  return (
    `${endpoint.host} is on this machine or its network. An administrator can allow it: ` +
    `add ${formatHostPort(endpoint)} to OPENAGENT_ALLOW_PRIVATE and start the server again.`
  );
}

function badEndpoint(message: string): AppError {
  return new AppError("BAD_REQUEST", "bad_endpoint", message);
}
