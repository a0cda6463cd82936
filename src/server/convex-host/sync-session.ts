import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { CommitClock } from "./commit-clock";
import type { HostLog, Outcome } from "./execute";
import { HostError } from "./host-error";
import type { VerifiedToken } from "./identity";
import { SOCKET_LIMITS } from "./limits";
import { isSameOutcome, type LiveQueries, type LiveQuery } from "./live-queries";
import * as wire from "./wire";

/** The connection under a session. */
export interface Channel {
  /** @param onTaken called when the network has taken it */
  send(text: string, onTaken?: () => void): void;
  /** 1011 lets the client come again; 1000 leaves it to the client. */
  close(code: 1000 | 1011, reason: string): void;
}

interface Subscription {
  query: LiveQuery;
  /** What the client has. */
  sent: Outcome | null;
}

/** What Node's timers can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export type SyncSession = ReturnType<typeof createSyncSession>;

/**
 * What one client follows: takes its messages in order, and sends it transitions from one state of the data to the next.
 * The client says by version numbers which of its messages a transition has seen.
 */
export function createSyncSession(deps: {
  channel: Channel;
  live: LiveQueries;
  commits: CommitClock;
  verify: (token: string) => Promise<VerifiedToken>;
  log: HostLog;
  nowMs: () => number;
}) {
  const { channel, live } = deps;
  /** As far as messages have been taken in; `sentVersion` as far as the client has been told. */
  const asked = { querySet: 0, identity: 0 };
  let sentVersion: wire.StateVersion = { querySet: 0, identity: 0, ts: 0n };
  const subscriptions = new Map<number, Subscription>();
  const removed = new Set<number>();
  let token: VerifiedToken | null = null;
  let clientClockSkewMs: number | undefined;
  let [isConnected, isClosed, isDue, isWorking] = [false, false, false, false];
  let unsent = 0;
  let expiry: NodeJS.Timeout | undefined;

  function end(farewell: string | null, code: 1000 | 1011, reason: string): void {
    if (isClosed) return;
    if (farewell !== null) channel.send(farewell);
    close();
    channel.close(code, reason);
  }

  function close(): void {
    isClosed = true;
    clearTimeout(expiry);
    for (const { query } of subscriptions.values()) live.unfollow(query, touched);
    subscriptions.clear();
  }

  function touched(): void {
    isDue = true;
    void pump();
  }

  function hasExpired(): boolean {
    return token !== null && deps.nowMs() >= token.expiresAtMs;
  }

  function tellExpired(): void {
    end(wire.authError("The token has expired.", sentVersion.identity, false), 1000, "TokenExpired");
  }

  function watchExpiry(): void {
    clearTimeout(expiry);
    if (token === null || isClosed) return;
    const leftMs = token.expiresAtMs - deps.nowMs();
    if (leftMs <= 0) tellExpired();
    else expiry = setTimeout(watchExpiry, Math.min(leftMs, MAX_TIMER_MS));
  }

  /** Sends transitions until the client has all that is due, or until the network holds as many as it may. */
  async function pump(): Promise<void> {
    if (isWorking) return;
    isWorking = true;
    try {
      while (isDue && !isClosed && unsent < SOCKET_LIMITS.unsentTransitions) {
        isDue = false;
        if (hasExpired()) tellExpired();
        else await step();
      }
    } catch (error) {
      deps.log.error({ err: error }, "a transition failed");
      end(null, 1011, "InternalServerError");
    } finally {
      isWorking = false;
    }
  }

  async function step(): Promise<void> {
    // As of now: what the client asks meanwhile is for the next transition.
    const following = [...subscriptions].map(([queryId, subscription]) => ({
      queryId,
      subscription,
      query: subscription.query,
    }));
    const gone = [...removed];
    removed.clear();
    const versions = { ...asked };
    await live.refresh(
      following.map(({ query }) => query),
      (ts) => {
        if (isClosed) return;
        const modifications = gone.map((queryId) => wire.queryRemoved(queryId));
        for (const { queryId, subscription, query } of following) {
          if (query.outcome === null) continue;
          if (subscription.sent === null || !isSameOutcome(query.outcome, subscription.sent))
            modifications.push(wire.queryResult(queryId, query.outcome));
          subscription.sent = query.outcome;
        }
        sendTransition({ ...versions, ts }, modifications);
      },
    );
  }

  function sendTransition(endVersion: wire.StateVersion, modifications: readonly string[]): void {
    const message = wire.transition({
      start: sentVersion,
      end: endVersion,
      modifications,
      clientClockSkewMs,
    });
    sentVersion = endVersion;
    unsent += 1;
    const parts = wire.splitTransition(message, randomUUID());
    for (const [i, part] of parts.entries()) {
      const isLast = i === parts.length - 1;
      channel.send(
        part,
        isLast
          ? () => {
              unsent -= 1;
              void pump();
            }
          : undefined,
      );
    }
  }

  function requireBase(what: string, given: number, expected: number): void {
    if (given !== expected)
      throw new HostError("refused", `BaseVersionMismatch: ${what} is ${expected}, the client's ${given}.`);
  }

  function connect(message: Extract<wire.ClientMessage, { type: "Connect" }>): void {
    if (isConnected) throw new HostError("refused", "A client connects once.");
    isConnected = true;
    if (message.clientTs !== undefined) clientClockSkewMs = Math.round(message.clientTs - deps.nowMs());
    const seen = message.maxObservedTimestamp;
    if (seen !== undefined && !deps.commits.catchUp(wire.decodeTimestamp(seen)))
      end(null, 1011, "InternalServerError");
  }

  async function authenticate(message: Extract<wire.ClientMessage, { type: "Authenticate" }>): Promise<void> {
    requireBase("the identity's version", message.baseVersion, asked.identity);
    let verified: VerifiedToken | null;
    try {
      verified = await verify(message);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      end(wire.authError(error.message, message.baseVersion, true), 1000, "AuthError");
      return;
    }
    if (isClosed) return;
    asked.identity += 1;
    identify(verified);
    touched();
  }

  async function verify(
    message: Extract<wire.ClientMessage, { type: "Authenticate" }>,
  ): Promise<VerifiedToken | null> {
    if (message.tokenType === "None") return null;
    if (message.tokenType === "User" && message.value !== undefined) return deps.verify(message.value);
    throw new HostError("unauthenticated", "This host takes tokens of users alone.");
  }

  /** Everything followed is followed as the new person; where that makes no difference the client hears nothing. */
  function identify(verified: VerifiedToken | null): void {
    token = verified;
    watchExpiry();
    for (const subscription of subscriptions.values()) {
      const old = subscription.query;
      subscription.query = follow(old.request);
      live.unfollow(old, touched);
    }
  }

  function follow({ path, args }: Pick<LiveQuery["request"], "path" | "args">): LiveQuery {
    const { identity, identityKey } = token ?? { identity: null, identityKey: "" };
    return live.follow({ path, args, identity, identityKey }, touched);
  }

  function modify(message: Extract<wire.ClientMessage, { type: "ModifyQuerySet" }>): void {
    requireBase("the query set's version", message.baseVersion, asked.querySet);
    if (message.newVersion <= message.baseVersion)
      throw new HostError("refused", "A query set's version grows.");
    for (const change of message.modifications) {
      const present = subscriptions.get(change.queryId);
      if (change.type === "Remove") {
        if (present === undefined)
          throw new HostError("refused", `There is no query ${change.queryId} to remove.`);
        live.unfollow(present.query, touched);
        subscriptions.delete(change.queryId);
        removed.add(change.queryId);
      } else {
        if (present !== undefined)
          throw new HostError("refused", `Query ${change.queryId} is there already.`);
        if (subscriptions.size >= SOCKET_LIMITS.queries)
          throw new HostError("refused", `A client follows at most ${SOCKET_LIMITS.queries} queries.`);
        if (change.componentPath) throw new HostError("refused", "This host has no components.");
        const query = follow({ path: change.udfPath, args: change.args });
        subscriptions.set(change.queryId, { query, sent: null });
      }
    }
    asked.querySet = message.newVersion;
    touched();
  }

  async function take(message: wire.ClientMessage): Promise<void> {
    if (!isConnected && message.type !== "Connect")
      throw new HostError("refused", "A client says Connect first.");
    switch (message.type) {
      case "Connect":
        return connect(message);
      case "Authenticate":
        return authenticate(message);
      case "ModifyQuerySet":
        return modify(message);
      case "Mutation":
      case "Action":
        return channel.send(
          wire.requestRefused(
            message.type,
            message.requestId,
            "Over a socket this host answers queries only.",
          ),
        );
      case "Event":
        return;
    }
  }

  return {
    /** To be called with one text after the other, each when the last is done. */
    async receive(text: string): Promise<void> {
      if (isClosed) return;
      try {
        await take(parseMessage(text));
      } catch (error) {
        if (error instanceof HostError) {
          end(wire.fatalError(error.message), 1000, "FatalError");
          return;
        }
        deps.log.error({ err: error }, "a client's message failed");
        end(null, 1011, "InternalServerError");
      }
    },
    /** Ends it with a word to the client, who will not come again. */
    refuse: (why: string) => end(wire.fatalError(why), 1000, "FatalError"),
    close,
  };
}

function parseMessage(text: string): wire.ClientMessage {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new HostError("refused", "A message must be JSON.", { cause });
  }
  const parsed = wire.clientMessage.safeParse(json);
  if (!parsed.success)
    throw new HostError("refused", `The message is not understood: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
