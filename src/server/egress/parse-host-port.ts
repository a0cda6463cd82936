/** `host:port` as people and programs write it. */
import { isIPv6 } from "node:net";
import { canonicalHost } from "./host-name";

/** `host`: canonical, see {@link canonicalHost}; IPv6 without brackets. `port`: 1 to 65535. */
export interface HostPort {
  host: string;
  port: number;
}

const SHAPE = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/;

/**
 * @param defaultPort what a missing port means; null: a port must be there
 * @returns null when the text is not a host and a port, port 0 included
 */
export function parseHostPort(text: string, defaultPort: number | null): HostPort | null {
  const match = SHAPE.exec(text);
  const host = canonicalHost(match?.[1] ?? "");
  const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
  if (match === null || host === null || port === null || port < 1 || port > 65_535) return null;
  return { host, port };
}

/** As in a URL: IPv6 in brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/**
 * The value of OPENAGENT_ALLOW_PRIVATE: `host:port` entries between commas; empty ones are passed over.
 * @throws Error with a sentence about the first entry that is not one
 */
export function parseHostPorts(value: string): HostPort[] {
  const entries = value
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  return entries.map((entry) => {
    const parsed = parseHostPort(entry, null);
    if (parsed !== null) return parsed;
    throw new Error(
      `${JSON.stringify(entry)} is not a host and a port; write each private endpoint as host:port, such as ollama.lan:11434, 192.168.1.20:8000 or [fd00::1]:8000, with commas between them.`,
    );
  });
}
