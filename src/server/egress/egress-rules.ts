/** Who may go where. Pure: a question and the rules in, null or the refusal out. */
import { isIP } from "node:net";
import { EgressError } from "./egress-error";
import { nearAs, type OwnNetworks } from "./own-networks";
import { formatHostPort, type HostPort } from "./parse-host-port";
import { refusedAs } from "./refused-addresses";

/**
 * What a session's programs may reach; the sidecar's marked connections are not bound by it, as their hosts come from the
 * server's own table. A host is a name, or `*.` and a name for all names below it. Never opens a private address.
 */
export type EgressPolicy =
  { kind: "public" } | { kind: "hosts"; hosts: readonly string[] } | { kind: "none" };

export interface EgressQuestion {
  target: HostPort;
  /** The connection carries the instance's egress secret: it is the sidecar's. */
  marked: boolean;
}

export interface EgressRules {
  /** Private endpoints that an administrator opened to marked connections, by exact name and port. */
  allowPrivate: readonly HostPort[];
  policy: EgressPolicy;
  /** Hosts that only marked connections reach: those of the providers whose keys the sidecar holds. */
  onlyMarked: ReadonlySet<string>;
}

/** True when the target is one of the administrator's private endpoints; then no table of addresses applies to it. */
export function isAllowedPrivate(target: HostPort, rules: Pick<EgressRules, "allowPrivate">): boolean {
  return rules.allowPrivate.some(({ host, port }) => host === target.host && port === target.port);
}

/** The first check, before the name is resolved. */
export function refuseTarget({ target, marked }: EgressQuestion, rules: EgressRules): EgressError | null {
  if (marked) return null;
  const shown = formatHostPort(target);
  if (isAllowedPrivate(target, rules)) {
    return new EgressError(
      "refused",
      `${shown} is a private model endpoint, and only the session's model calls reach it. Choose one of its models in the session instead of connecting to it.`,
    );
  }
  if (rules.onlyMarked.has(target.host)) {
    return new EgressError(
      "refused",
      `${target.host} is reached with the session's key alone, by the session's model calls. Choose one of its models in the session instead of connecting to it.`,
    );
  }
  switch (rules.policy.kind) {
    case "public":
      return null;
    case "none":
      return new EgressError(
        "refused",
        `${shown} was refused: this session has no access to the network. Ask an administrator when it needs some.`,
      );
    case "hosts":
      if (rules.policy.hosts.some((pattern) => matchesHost(pattern, target.host))) return null;
      return new EgressError(
        "refused",
        `${shown} was refused: ${target.host} is not among the hosts that this session may reach. Ask an administrator to add it.`,
      );
  }
}

function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith("*.")) return pattern.toLowerCase() === host;
  // An address has no names below it: `*.1` must not match 10.0.0.1.
  return isIP(host) === 0 && host.endsWith(pattern.slice(1).toLowerCase());
}

/**
 * The second check, on all addresses of the name. One bad address condemns the name: a name that answers with a public and a
 * private address is what rebinding looks like, and the good one would only hide it.
 * @param own this machine and its neighbours
 */
export function refuseAddresses(
  target: HostPort,
  addresses: readonly string[],
  own: OwnNetworks,
): EgressError | null {
  for (const address of addresses) {
    const kind = refusedAs(address) ?? nearAs(address, own);
    if (kind === null) continue;
    return new EgressError(
      "refused",
      `${formatHostPort(target)} was refused: it leads to ${kind}, and sessions reach public addresses alone. For a model endpoint in your own network, an administrator can name it as host:port in OPENAGENT_ALLOW_PRIVATE.`,
    );
  }
  return null;
}
