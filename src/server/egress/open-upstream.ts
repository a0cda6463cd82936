/** From a target to a connected socket: checked, resolved once, checked again, dialled. */
import { connect, isIP, type Socket } from "node:net";
import { EgressError } from "./egress-error";
import {
  isAllowedPrivate,
  refuseAddresses,
  refuseTarget,
  type EgressQuestion,
  type EgressRules,
} from "./egress-rules";
import { canonicalAddress } from "./host-name";
import { ownNetworks, type OwnNetworks } from "./own-networks";
import { formatHostPort, type HostPort } from "./parse-host-port";
import { privateNames, publicNames, type ResolveName } from "./resolve-name";

export interface DialOptions {
  /** An address, never a name. */
  address: string;
  port: number;
  allowHalfOpen: boolean;
}
/** Starts a connection; the socket tells by `connect` or `error`. */
export type Dial = (options: DialOptions) => Socket;

export interface UpstreamDeps {
  resolvePublic: ResolveName;
  resolvePrivate: ResolveName;
  ownNetworks: () => OwnNetworks;
  dial: Dial;
  /** For the name and all attempts together. */
  connectTimeoutMs: number;
}

export interface UpstreamRequest extends EgressQuestion {
  rules: EgressRules;
  allowHalfOpen: boolean;
  /** Aborts when nobody waits for the connection any more. */
  signal: AbortSignal;
}

/** Attempts of one connection; a name may have many addresses. */
const MAX_ATTEMPTS = 4;

export const dialTcp: Dial = ({ address, port, allowHalfOpen }) =>
  connect({ host: address, port, allowHalfOpen, noDelay: true, keepAlive: true, autoSelectFamily: false });

export interface UpstreamOptions {
  connectTimeoutMs: number;
  /** Replaces both ways of resolving names. */
  resolve?: ResolveName;
  dial?: Dial;
  ownNetworks?: () => OwnNetworks;
}

/** This machine's names, addresses and network, save what is given. */
export function upstreamDeps(options: UpstreamOptions): UpstreamDeps {
  return {
    resolvePublic: options.resolve ?? publicNames(),
    resolvePrivate: options.resolve ?? privateNames,
    ownNetworks: options.ownNetworks ?? ownNetworks,
    dial: options.dial ?? dialTcp,
    connectTimeoutMs: options.connectTimeoutMs,
  };
}

/**
 * @returns a connected socket that the caller closes
 * @throws EgressError `refused` or `unreachable`
 */
export async function openUpstream(request: UpstreamRequest, deps: UpstreamDeps): Promise<Socket> {
  const { target, rules } = request;
  const refused = refuseTarget(request, rules);
  if (refused !== null) throw refused;

  const deadline = AbortSignal.any([request.signal, AbortSignal.timeout(deps.connectTimeoutMs)]);
  const allowedPrivate = isAllowedPrivate(target, rules);
  const addresses = await addressesOf(
    target,
    allowedPrivate ? deps.resolvePrivate : deps.resolvePublic,
    deadline,
  );
  if (!allowedPrivate) {
    const condemned = refuseAddresses(target, addresses, deps.ownNetworks());
    if (condemned !== null) throw condemned;
  }
  return dialFirst(request, addresses.slice(0, MAX_ATTEMPTS), { ...deps, deadline });
}

async function addressesOf(target: HostPort, resolve: ResolveName, deadline: AbortSignal): Promise<string[]> {
  if (isIP(target.host) !== 0) return [target.host];
  const found = await orAborted(resolve(target.host, deadline), deadline).catch((cause: unknown) => {
    throw new EgressError(
      "unreachable",
      `The name ${target.host} could not be resolved (${errorCode(cause)}). Check its spelling, and whether this server reaches the Internet and its name server; then try again.`,
      { cause },
    );
  });
  // One spelling, so that the check and the dialling speak of the same address; what has none is refused by the table.
  return found.map((address) => canonicalAddress(address) ?? address);
}

async function dialFirst(
  { target, allowHalfOpen }: UpstreamRequest,
  addresses: readonly string[],
  { dial, deadline, connectTimeoutMs }: UpstreamDeps & { deadline: AbortSignal },
): Promise<Socket> {
  const failures: unknown[] = [];
  for (const address of addresses) {
    // All but the last attempt leave time for the next one.
    const share = AbortSignal.any([
      deadline,
      AbortSignal.timeout(Math.ceil(connectTimeoutMs / addresses.length)),
    ]);
    const socket = dial({ address, port: target.port, allowHalfOpen });
    try {
      await connected(socket, share);
      return socket;
    } catch (error) {
      socket.destroy();
      failures.push(error);
    }
    if (deadline.aborted) break;
  }
  const cause = failures.at(-1);
  throw new EgressError(
    "unreachable",
    `${formatHostPort(target)} did not take the connection (${errorCode(cause)}). Check that the service runs and that the port is right, then try again.`,
    { cause },
  );
}

async function connected(socket: Socket, signal: AbortSignal): Promise<void> {
  const opening = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    // Never taken off: an error that comes before the caller listens, or after a given-up attempt, must not end the process.
    socket.on("error", reject);
  });
  await orAborted(opening, signal);
}

/** Settles as the promise does, or rejects when the signal aborts first; the promise's own end is then of no interest. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {
      // The abort is what the caller hears of.
    });
    throw signal.reason;
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function errorCode(error: unknown): string {
  if (error instanceof DOMException) return error.name === "TimeoutError" ? "no answer in time" : "given up";
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "failed";
}
