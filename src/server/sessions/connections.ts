import type { SidecarEventBody, SpooledEvent } from "../../../sidecar/src/contract";
import type { Driver, InstanceEndpoint } from "../../drivers/driver";
import type { EgressGate } from "../egress/egress-gate";
import { type EventLog, type LogTransaction } from "../events/event-log";
import { IngestError } from "../events/ingest";
import { createIntake, type Intake } from "../events/intake";
import type { Logger } from "../log";
import { inRequest } from "../request-scope";
import { createSidecarClient, type SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError } from "../sidecar-client/sidecar-error";
import type { Database } from "../db/database";
import { SESSION_LIMITS } from "./limits";
import { pause } from "./pause";
import type { InstanceSecrets } from "./registration";
import { getSession } from "./session-store";

/** A running, registered instance as the server holds it. */
export interface Connection {
  readonly sessionId: string;
  readonly instanceId: string;
  readonly client: SidecarClient;
  readonly secrets: InstanceSecrets;
}

export interface Connections {
  /** The instance's way out; must listen before the instance starts. Made once an instance. */
  openEgress(sessionId: string, instanceId: string): Promise<InstanceEndpoint>;
  /** Starts to take in the events of a registered instance. */
  open(opts: {
    sessionId: string;
    instanceId: string;
    endpoint: InstanceEndpoint;
    secrets: InstanceSecrets;
  }): Connection;
  get(sessionId: string): Connection | null;
  /** Whether the session's events come in. */
  isStreaming(sessionId: string): boolean;
  /** Ends the stream after what was sent already is taken in, and the way out. */
  close(sessionId: string): Promise<void>;
  closeAll(): Promise<void>;
}

interface Deps {
  db: Database;
  log: EventLog;
  logger: Logger;
  driver: Driver;
  egress: EgressGate;
  /** Rows that change with an event, in its transaction. */
  onEvent(tx: LogTransaction, sessionId: string, body: SidecarEventBody): void;
  /** Told of each batch that is committed. @param oldestAt when its sidecar made the first of them, ISO 8601 */
  onTaken(count: number, oldestAt: string): void;
  /** After a commit, and after each (re)connect: what waits may go on. */
  onProgress(sessionId: string): void;
  /** Nothing more is on its way at this moment. */
  onCaughtUp(sessionId: string): void;
  /** The sidecar broke the rules of the event stream; nothing more is taken from it. */
  onForged(sessionId: string, error: IngestError): void;
}

/** So often a stream may bring what cannot be read before the session is given up: once may be a stumble. */
const UNREADABLE_TRIES = 3;

/** Of one session: then its sidecar is told that they are held, also in the middle of a turn, so that its spool stays small. */
const ACKNOWLEDGE_EVERY_EVENTS = 500;

type PumpDeps = Deps & { intake: Intake };

interface Held {
  connection: Connection;
  stop: AbortController;
  pumped: Promise<void>;
  isStreaming: boolean;
}

export function createConnections(deps: Deps): Connections {
  const intake = createIntake(deps.log, deps.onEvent);
  const held = new Map<string, Held>();
  const ways = new Map<string, { close(): Promise<void> }>();

  const closeWay = async (sessionId: string) => {
    const way = ways.get(sessionId);
    ways.delete(sessionId);
    await way?.close();
  };

  const close = async (sessionId: string) => {
    const entry = held.get(sessionId);
    held.delete(sessionId);
    if (entry) {
      const timer = setTimeout(() => entry.stop.abort(), SESSION_LIMITS.drainMs);
      await entry.pumped;
      clearTimeout(timer);
      await entry.connection.client.close();
    }
    await closeWay(sessionId);
  };

  return {
    async openEgress(sessionId, instanceId) {
      await closeWay(sessionId);
      const endpoint = await deps.driver.prepareEndpoint(instanceId);
      const secretOf = () => held.get(sessionId)?.connection.secrets.egressSecret ?? null;
      const listener = await deps.egress.listen(endpoint.egressSocket, {
        sessionId,
        instanceId,
        egressSecret: secretOf,
      });
      ways.set(sessionId, listener);
      return endpoint;
    },
    open({ sessionId, instanceId, endpoint, secrets }) {
      const client = createSidecarClient({ socketPath: endpoint.sidecarSocket, bearer: secrets.bearer });
      const connection: Connection = { sessionId, instanceId, client, secrets };
      const stop = new AbortController();
      const entry: Held = { connection, stop, pumped: Promise.resolve(), isStreaming: false };
      held.set(sessionId, entry);
      // It goes on long after the request that started the session.
      entry.pumped = inRequest(null, () =>
        pump({ ...deps, intake }, connection, {
          signal: stop.signal,
          wanted: () => held.get(sessionId) === entry,
          onStream: (isStreaming) => void (entry.isStreaming = isStreaming),
        }),
      );
      return connection;
    },
    get: (sessionId) => held.get(sessionId)?.connection ?? null,
    isStreaming: (sessionId) => held.get(sessionId)?.isStreaming ?? false,
    close,
    async closeAll() {
      for (const entry of held.values()) entry.stop.abort();
      await Promise.all([...held.keys()].map(close));
      await Promise.all([...ways.keys()].map(closeWay));
    },
  };
}

/** Takes events in until the connection is given up; connects again after every fault. Never throws. */
async function pump(
  deps: PumpDeps,
  connection: Connection,
  opts: { signal: AbortSignal; wanted: () => boolean; onStream: (isStreaming: boolean) => void },
): Promise<void> {
  const { sessionId } = connection;
  let waitMs: number = SESSION_LIMITS.reconnectFirstMs;
  const trouble = createTrouble(deps.logger, sessionId);
  const onCommitted = () => {
    waitMs = SESSION_LIMITS.reconnectFirstMs;
    trouble.over();
  };
  while (!opts.signal.aborted && opts.wanted()) {
    try {
      await takeIn(deps, connection, { ...opts, onCommitted });
    } catch (error) {
      if (opts.signal.aborted) return;
      const forged = error instanceof IngestError ? error : trouble.unreadable(error);
      if (forged) {
        deps.onForged(sessionId, forged);
        return;
      }
      trouble.tell(error);
    } finally {
      opts.onStream(false);
    }
    if (!opts.wanted()) return;
    await pause(waitMs, opts.signal);
    waitMs = Math.min(waitMs * 2, SESSION_LIMITS.reconnectMaxMs);
  }
}

/** One life of the event stream. */
async function takeIn(
  deps: PumpDeps,
  { sessionId, client }: Connection,
  opts: { signal: AbortSignal; onStream: (isStreaming: boolean) => void; onCommitted: () => void },
): Promise<void> {
  const row = getSession(deps.db, sessionId);
  deps.onProgress(sessionId);
  const held = { epoch: Math.max(row.heldEpoch, 1), n: row.heldN };
  let unacknowledged = 0;
  let isGreeted = false;
  for await (const batch of client.events(held, opts.signal)) {
    // The first is a heartbeat, sent at once, before what waits: only a later one says that nothing more is on its way.
    opts.onStream(true);
    const [oldest] = batch;
    if (oldest !== undefined) {
      const position = await deps.intake.take(sessionId, batch);
      opts.onCommitted();
      deps.onTaken(batch.length, oldest.at);
      unacknowledged += batch.length;
      if (unacknowledged >= ACKNOWLEDGE_EVERY_EVENTS || batch.some(({ type }) => type === "turn.ended")) {
        unacknowledged = 0;
        await acknowledge(deps, client, position);
      }
    } else if (isGreeted) deps.onCaughtUp(sessionId);
    isGreeted = true;
    // After a heartbeat too: what the agent could not take while it restarted gets another try.
    if (batch.length === 0 || !batch.every(isOutput)) deps.onProgress(sessionId);
  }
}

/** Nothing can go on because of it, and it comes up to sixty times a second. */
function isOutput({ type }: SpooledEvent): boolean {
  return type === "part.delta" || type === "tool.output";
}

/** What is wrong with a stream, told once: it is tried again up to ten times a second. */
function createTrouble(logger: Logger, sessionId: string) {
  let told: string | null = null;
  let unreadable = 0;
  return {
    over() {
      told = null;
      unreadable = 0;
    },
    tell(err: unknown) {
      const what = err instanceof Error ? err.message : String(err);
      const isAway = err instanceof SidecarError && err.code === "unreachable";
      // A container that ends, or a heartbeat that is late, is seen and told by others.
      logger[isAway || told === what ? "debug" : "error"](
        { sessionId, err },
        "events cannot be taken in; it is tried again",
      );
      if (!isAway) told = what;
    },
    /** The sidecar answers, and again and again with what no sidecar of ours says. */
    unreadable(error: unknown): IngestError | null {
      if (!(error instanceof SidecarError) || error.code !== "bad_answer") return null;
      unreadable += 1;
      if (unreadable < UNREADABLE_TRIES) return null;
      return new IngestError("malformed", error.detail ?? error.message, { cause: error });
    },
  };
}

/** Lets the sidecar forget what is committed; a failure costs disk there and nothing else. */
async function acknowledge(
  deps: Deps,
  client: SidecarClient,
  position: { epoch: number; n: number },
): Promise<void> {
  try {
    await client.acknowledge(position);
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    deps.logger.debug({ err: error }, "acknowledgement not delivered");
  }
}
