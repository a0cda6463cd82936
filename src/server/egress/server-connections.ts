/** The server's own way to model providers, by the same rules and the same dialling as the sidecars' marked connections. */
import type { Socket } from "node:net";
import type { EgressRules } from "./egress-rules";
import { openUpstream, upstreamDeps, type UpstreamOptions } from "./open-upstream";
import type { HostPort } from "./parse-host-port";

/**
 * Opens a connection to a host that one of the server's own tables or a checked base URL names. The name is resolved once,
 * and only addresses that passed the table of refused ones are dialled.
 * @returns a connected socket that the caller closes
 * @throws EgressError `refused` or `unreachable`
 */
export type ConnectToProvider = (target: HostPort, signal: AbortSignal) => Promise<Socket>;

export interface ServerConnectionsOptions extends UpstreamOptions {
  /** Private endpoints that an administrator allowed. */
  allowPrivate: readonly HostPort[];
}

export function createServerConnections(options: ServerConnectionsOptions): ConnectToProvider {
  const deps = upstreamDeps(options);
  const rules: EgressRules = {
    allowPrivate: options.allowPrivate,
    policy: { kind: "none" },
    onlyMarked: new Set(),
  };
  return (target, signal) =>
    openUpstream({ target, marked: true, rules, allowHalfOpen: false, signal }, deps);
}
