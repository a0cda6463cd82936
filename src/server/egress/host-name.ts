/** One spelling for each host, so that what was checked is what is dialled. */
import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** A last label that URL parsers and C libraries read as a number: `127.1`, `0x7f.1`, `2130706433`, `0177.0.0.1`. */
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/;
const MAX_NAME_LENGTH = 253;

/**
 * @param text a host as in a URL or a CONNECT line; IPv6 in brackets
 * @returns the address in its one canonical spelling (an IPv4 address in IPv6 clothes becomes IPv4), or the name in lower case
 *   without its trailing dot; null for everything else: numbers that some parsers take for an address, zones, escapes,
 *   letters outside ASCII (a name must come in its `xn--` form)
 */
export function canonicalHost(text: string): string | null {
  const host = text.toLowerCase();
  if (host.startsWith("[")) {
    const inner = host.endsWith("]") ? host.slice(1, -1) : "";
    return isIPv6(inner) && !inner.includes("%") ? canonicalAddress(inner) : null;
  }
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  if (isIPv4(name)) return name;
  const labels = name.split(".");
  if (name.length > MAX_NAME_LENGTH || !labels.every((label) => LABEL.test(label))) return null;
  return NUMERIC_LABEL.test(labels.at(-1) ?? "") ? null : name;
}

/**
 * @param text an IPv4 address in four decimal parts, or an IPv6 address without brackets and zone
 * @returns null when it is neither
 */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return null;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}
