/** Headers that end at this hop (RFC 9110 §7.6.1), and the mark of the sidecar's own connections. */
import { createHash, timingSafeEqual } from "node:crypto";

const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Named in `Connection`, these would change what the message is; a sender may not have them taken off. */
const NEVER_BY_NAME = new Set(["content-length", "host"]);

/**
 * @param raw names and values in turn, as Node's `rawHeaders`
 * @returns the same list without what ends here; spelling, order and duplicates are kept
 */
export function endToEndHeaders(raw: readonly string[]): string[] {
  const dropped = new Set(HOP_BY_HOP);
  for (const [name, value] of pairs(raw)) {
    if (name.toLowerCase() !== "connection") continue;
    for (const token of value.toLowerCase().split(",")) {
      if (!NEVER_BY_NAME.has(token.trim())) dropped.add(token.trim());
    }
  }
  return pairs(raw)
    .filter(([name]) => !dropped.has(name.toLowerCase()))
    .flat();
}

function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return list;
}

/**
 * @param header the request's `Proxy-Authorization`
 * @param secret null: nothing is marked yet
 */
export function isMarked(header: string | undefined, secret: string | null): boolean {
  const given = /^bearer +(\S+)$/i.exec(header ?? "")?.[1];
  if (given === undefined || secret === null || secret === "") return false;
  // Digests, as the comparison wants equal lengths and must not tell the secret's.
  return timingSafeEqual(sha256(given), sha256(secret));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
