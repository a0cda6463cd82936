import { TRPCClientError } from "@trpc/client";
import type { SessionEvent } from "../../sidecar/src/contract";
import { waitMs } from "./backoff";
import type { OpenAgentClient } from "./client";
import { PushQueue } from "./push-queue";

export interface FollowOptions {
  sessionId: string;
  /** The last event that is known already; 0, the default, begins at the first. */
  afterSeq?: number;
  /** Ends the iteration, without an error. */
  signal?: AbortSignal;
}

/** What following needs of a {@link OpenAgentClient}. */
export interface EventClient {
  sessions: {
    get: { query(input: { id: string }): Promise<unknown> };
    events: {
      subscribe(
        input: { id: string; afterSeq: number },
        handlers: {
          onStarted(): void;
          onData(tracked: { id: string; data: SessionEvent }): void;
          onError(error: unknown): void;
          onComplete(): void;
          onConnectionStateChange(change: { state: string; error: unknown }): void;
        },
      ): { unsubscribe(): void };
    };
  };
}

/**
 * A session's events in order, each once: first those that were, then those that come. Goes on after the last one over
 * lost connections and restarts of the server. Ends when the session is removed, at `signal`, or when the loop is left.
 *
 * @example
 * for await (const event of followEvents(client, { sessionId })) {
 *   if (event.type === "part.delta") process.stdout.write(event.data.text);
 * }
 * @throws TRPCClientError when the server refuses: no such session, token revoked.
 */
export async function* followEvents(
  client: OpenAgentClient,
  options: FollowOptions,
): AsyncGenerator<SessionEvent, void> {
  yield* follow(client, options);
}

/** {@link followEvents} for whatever has the two procedures. */
export async function* follow(
  client: EventClient,
  options: FollowOptions,
): AsyncGenerator<SessionEvent, void> {
  const { sessionId, signal } = options;
  const isOver = () => signal?.aborted === true;
  let lastSeq = options.afterSeq ?? 0;
  let wasOpen = false;
  for (let failures = 0; !isOver(); failures += 1) {
    const connection = new Connection(client, { id: sessionId, afterSeq: lastSeq }, signal);
    for await (const event of connection.events()) {
      if (event.seq <= lastSeq) continue;
      lastSeq = event.seq;
      yield event;
    }
    if (isOver()) return;
    if (connection.wasOpen) {
      wasOpen = true;
      failures = 0;
    }
    const verdict = await refusal(client, sessionId);
    // It was there and is gone: that is how the events of a session end.
    if (verdict?.notFound === true && wasOpen) return;
    if (verdict !== null) throw verdict.error;
    await waitMs(failures, signal);
  }
}

/** One subscription, until it ends or breaks for whatever reason. */
class Connection {
  private started = false;
  private failed = false;

  constructor(
    private readonly client: EventClient,
    private readonly input: { id: string; afterSeq: number },
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** The server let us in; a refusal comes inside a stream that has started. */
  get wasOpen(): boolean {
    return this.started && !this.failed;
  }

  async *events(): AsyncGenerator<SessionEvent, void> {
    const queue = new PushQueue<SessionEvent>();
    const end = () => queue.end();
    this.signal?.addEventListener("abort", end, { once: true });
    const subscription = this.client.sessions.events.subscribe(this.input, {
      onStarted: () => {
        this.started = true;
      },
      onData: (tracked) => queue.push(tracked.data),
      onError: () => {
        this.failed = true;
        end();
      },
      onComplete: end,
      // Left to itself, the EventSource would wait three seconds before it tries again.
      onConnectionStateChange: ({ state, error }) => {
        if (state === "connecting" && error !== null) end();
      },
    });
    try {
      yield* queue;
    } finally {
      this.signal?.removeEventListener("abort", end);
      subscription.unsubscribe();
    }
  }
}

/**
 * A broken stream does not tell why; a plain call for the session does.
 * @returns null when the server is there and lets us, or is not reached: worth another try
 */
async function refusal(
  client: EventClient,
  id: string,
): Promise<{ error: unknown; notFound: boolean } | null> {
  try {
    await client.sessions.get.query({ id });
    return null;
  } catch (error) {
    const status = statusOf(error);
    const isFinal = status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429;
    return isFinal ? { error, notFound: status === 404 } : null;
  }
}

function statusOf(error: unknown): number | null {
  if (!(error instanceof TRPCClientError)) return null;
  const data: unknown = error.data;
  if (typeof data !== "object" || data === null || !("httpStatus" in data)) return null;
  return typeof data.httpStatus === "number" ? data.httpStatus : null;
}
