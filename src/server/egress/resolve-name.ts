/** Names → addresses, once per connection. */
import { Resolver, lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { isIP, isIPv6 } from "node:net";
import { canonicalAddress } from "./host-name";

/** @returns every address of the name, at least one; rejects with Node's DNS error when there is none */
export type ResolveName = (host: string, signal: AbortSignal) => Promise<string[]>;

export interface NameServiceOptions {
  /** Default /etc/hosts. */
  hostsFile?: string;
  /** `address:port` of name servers; default: what /etc/resolv.conf says at each look-up. */
  servers?: readonly string[];
}

const QUERY_TIMEOUT_MS = 3_000;
const TRIES = 2;

/**
 * For names that a session's programs choose: the hosts file, then DNS, over sockets of its own.
 * Not `lookup`: that works in the process's few threads, and one session asking for slow names would hold up all others.
 */
export function publicNames(options: NameServiceOptions = {}): ResolveName {
  const hostsFile = options.hostsFile ?? "/etc/hosts";
  return async (host, signal) => {
    const listed = hostsFileAddresses(await readFile(hostsFile, "utf8").catch(() => ""), host);
    if (listed.length > 0) return listed;
    signal.throwIfAborted();
    const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: TRIES });
    if (options.servers !== undefined) resolver.setServers(options.servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
      // IPv4 first: where a machine has no IPv6, every attempt to use it costs time.
      const found = [
        ...(v4.status === "fulfilled" ? v4.value : []),
        ...(v6.status === "fulfilled" ? v6.value : []),
      ];
      if (found.length > 0) return found;
      throw v4.status === "rejected" ? v4.reason : new Error(`no address for ${host}`);
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  };
}

/** For the names that an administrator allowed: whatever this machine itself would find, mDNS and search domains included. */
export const privateNames: ResolveName = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/** @returns the addresses that a hosts file gives a name, IPv4 first */
export function hostsFileAddresses(text: string, host: string): string[] {
  const found: string[] = [];
  for (const line of text.split("\n")) {
    const [address, ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    if (names.some((name) => name.toLowerCase() === host)) found.push(canonicalAddress(address) ?? address);
  }
  return found.sort((a, b) => Number(isIPv6(a)) - Number(isIPv6(b)));
}
