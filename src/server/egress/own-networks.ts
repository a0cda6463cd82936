/** What is near this machine by its interfaces alone, however public the addresses are. */
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";
import { canonicalAddress } from "./host-name";
import { DOCUMENTATION_RANGES, isIn, translated, type Range } from "./refused-addresses";

/** As much of `os.networkInterfaces()` as is read. `cidr`: null when the system's netmask is not one. */
export interface InterfaceAddress {
  address: string;
  cidr: string | null;
}

export interface OwnNetworks {
  /** Of this machine, canonical. */
  addresses: ReadonlySet<string>;
  /** What its interfaces reach without a router. */
  links: readonly Range[];
}

/** An address that DHCPv6 or a provider gave is a /128 by its netmask, and still shares its /64 with the others of the link. */
const LONGEST_IPV6_PREFIX = 64;

/**
 * A connection to an address of this machine would not leave it, and one to a neighbour would not pass a router: both get past
 * whatever guards them from outside. In IPv6 a whole LAN has public addresses, with a guard at its edge alone.
 * Documentation addresses are left out: only test networks have them.
 */
export function ownNetworks(interfaces: readonly InterfaceAddress[] = interfaceAddresses()): OwnNetworks {
  const addresses = new Set<string>();
  const links: Range[] = [];
  for (const { address, cidr } of interfaces) {
    const canonical = canonicalAddress(address.split("%")[0] ?? "");
    if (canonical === null) continue;
    const parsed = ipaddr.parse(canonical);
    if (DOCUMENTATION_RANGES.some((range) => isIn(parsed, range))) continue;
    addresses.add(canonical);
    const length = Number(cidr?.split("/")[1] ?? NaN);
    // Some tunnels are given a prefix of 0 to mean "everything goes this way"; that makes nobody a neighbour.
    if (!(length > 0)) continue;
    links.push([parsed, parsed.kind() === "ipv6" ? Math.min(length, LONGEST_IPV6_PREFIX) : length]);
  }
  return { addresses, links };
}

function interfaceAddresses(): InterfaceAddress[] {
  return Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
}

/**
 * @param canonical an address that the table of refused ones lets through
 * @returns what it is, as it reads after "leads to"; null when it is neither this machine nor near it
 */
export function nearAs(canonical: string, own: OwnNetworks): string | null {
  const text = translated(canonical) ?? canonical;
  if (own.addresses.has(text)) return "an address of the machine that runs OpenAgent";
  if (own.links.length === 0) return null;
  const address = ipaddr.parse(text);
  return own.links.some((link) => isIn(address, link))
    ? "a neighbour in a network of the machine that runs OpenAgent"
    : null;
}
