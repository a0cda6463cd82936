/**
 * The written table of addresses that no session reaches.
 * Documentation ranges (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32) are left out on purpose: they lead
 * nowhere on the Internet, and test networks use them.
 */
import ipaddr from "ipaddr.js";
import { canonicalAddress } from "./host-name";

/** Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries; what clouds answer their own machines at, from their manuals. */
const REFUSED: readonly (readonly [cidr: string, kind: string])[] = [
  ["0.0.0.0/8", "an unspecified address"],
  ["10.0.0.0/8", "a private address"],
  ["100.64.0.0/10", "a carrier's internal address"],
  ["127.0.0.0/8", "a loopback address"],
  // Azure's WireServer: public by its number, answered by the host of each virtual machine.
  ["168.63.129.16/32", "a cloud's internal address"],
  ["169.254.0.0/16", "a link-local address"],
  ["172.16.0.0/12", "a private address"],
  ["192.0.0.0/24", "a reserved address"],
  ["192.88.99.0/24", "a reserved address"],
  ["192.168.0.0/16", "a private address"],
  ["198.18.0.0/15", "a reserved address"],
  ["224.0.0.0/4", "a multicast address"],
  // Its last address is the limited broadcast.
  ["240.0.0.0/4", "a reserved address"],
  ["::/128", "an unspecified address"],
  ["::1/128", "a loopback address"],
  // IPv4 in the last four bytes, in a form that nothing routes.
  ["::/96", "a reserved address"],
  ["::ffff:0:0:0/96", "a reserved address"],
  ["64:ff9b:1::/48", "a private address"],
  ["100::/64", "a reserved address"],
  // Teredo and 6to4 carry an IPv4 address inside and are dead as a way to a public service.
  ["2001::/32", "a tunnel address"],
  ["2002::/16", "a tunnel address"],
  ["5f00::/16", "a reserved address"],
  ["fc00::/7", "a private address"],
  ["fe80::/10", "a link-local address"],
  ["fec0::/10", "a private address"],
  ["ff00::/8", "a multicast address"],
];
const DOCUMENTATION = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"];
/** The translator's prefix of IPv6-only networks: as good or bad as the IPv4 address in its last four bytes. */
const NAT64 = ipaddr.parseCIDR("64:ff9b::/96");

type Address = ReturnType<typeof ipaddr.parse>;
/** An address and how many of its first bits count. */
export type Range = [address: Address, bits: number];
const TABLE = REFUSED.map(([cidr, kind]) => ({ range: ipaddr.parseCIDR(cidr), kind }));
export const DOCUMENTATION_RANGES: readonly Range[] = DOCUMENTATION.map((cidr) => ipaddr.parseCIDR(cidr));

export function isIn(address: Address, range: Range): boolean {
  return address.kind() === range[0].kind() && address.match(range);
}

/** @returns the IPv4 address that a translator (NAT64) makes of an address, in its canonical spelling; null for all others */
export function translated(canonical: string): string | null {
  const address = ipaddr.parse(canonical);
  return isIn(address, NAT64) ? address.toByteArray().slice(-4).join(".") : null;
}

/**
 * @param text an address, in any spelling
 * @returns what it is, as it reads after "leads to", when sessions may not reach it; null when they may
 */
export function refusedAs(text: string): string | null {
  const canonical = canonicalAddress(text);
  // Zones (`fe80::1%eth0`) and what is no address at all.
  if (canonical === null) return "an address of this machine's own networks";
  const address = ipaddr.parse(translated(canonical) ?? canonical);
  return TABLE.find(({ range }) => isIn(address, range))?.kind ?? null;
}
