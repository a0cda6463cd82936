import { and, eq, sql } from "drizzle-orm";
import {
  MAX_EVENT_BYTES,
  parseEventBody,
  type SidecarEventBody,
  type SpooledEvent,
  type SpoolPosition,
} from "../../../sidecar/src/contract";
import { preparedOnce } from "../db/database";
import { events, sessions } from "../db/schema";
import type { EventLog, LogTransaction } from "./event-log";

/** A sidecar sent what it must not: the session's stream is stopped and the session flagged; nobody else is touched. */
export class IngestError extends Error {
  override readonly name = "IngestError";
  constructor(
    readonly code: "gap" | "rewritten" | "malformed" | "foreign_epoch",
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** What else changes with an event, in the same transaction (rows of requests, prompts, status). */
export type IngestHook = (tx: LogTransaction, sessionId: string, body: SidecarEventBody) => void;

/**
 * Commits a batch from a session's sidecar: exactly once by (session, epoch, n), in spool order, with the hook's rows.
 * @returns the position now held.
 * @throws IngestError when the batch breaks the rules; nothing of it is kept then.
 */
export function ingest(
  log: EventLog,
  sessionId: string,
  batch: readonly SpooledEvent[],
  hook: IngestHook,
): SpoolPosition {
  return log.transaction((tx) => ingestInto(tx, sessionId, batch, hook));
}

/** As {@link ingest}, in a transaction that may hold more. */
export function ingestInto(
  tx: LogTransaction,
  sessionId: string,
  batch: readonly SpooledEvent[],
  hook: IngestHook,
): SpoolPosition {
  const { position, hold } = positionStatements(tx.store);
  const session = position.get({ sessionId });
  if (!session) throw new IngestError("malformed", `There is no session ${sessionId}`);
  let held: SpoolPosition = { epoch: session.heldEpoch, n: session.heldN };
  for (const event of batch) {
    if (event.epoch > session.epoch) {
      throw new IngestError(
        "foreign_epoch",
        `Event (${event.epoch}, ${event.n}) is of an epoch that was never opened (now ${session.epoch})`,
      );
    }
    if (comparePositions(event, held) <= 0) {
      assertSame(tx, sessionId, event);
      continue;
    }
    const follows = event.epoch === held.epoch ? event.n === held.n + 1 : event.n === 1;
    if (!follows) {
      throw new IngestError(
        "gap",
        `Event (${event.epoch}, ${event.n}) does not follow (${held.epoch}, ${held.n})`,
      );
    }
    const body = parseSidecarBody(event);
    tx.append(sessionId, body, { epoch: event.epoch, n: event.n, at: event.at });
    hook(tx, sessionId, body);
    held = { epoch: event.epoch, n: event.n };
  }
  hold.run({ sessionId, ...held });
  return held;
}

const positionStatements = preparedOnce((db) => {
  const given = sql.placeholder;
  const isSession = eq(sessions.id, given("sessionId"));
  return {
    position: db
      .select({ epoch: sessions.epoch, heldEpoch: sessions.heldEpoch, heldN: sessions.heldN })
      .from(sessions)
      .where(isSession)
      .prepare(),
    hold: db
      .update(sessions)
      .set({ heldEpoch: sql`${given("epoch")}`, heldN: sql`${given("n")}` })
      .where(isSession)
      .prepare(),
  };
});

/** Negative, zero or positive, as `a` is before, at or after `b`. */
export function comparePositions(a: SpoolPosition, b: SpoolPosition): number {
  return a.epoch - b.epoch || a.n - b.n;
}

function parseSidecarBody(event: SpooledEvent): SidecarEventBody {
  if (isTooLarge(event)) {
    throw new IngestError(
      "malformed",
      `Event (${event.epoch}, ${event.n}) of type ${event.type} is larger than ${MAX_EVENT_BYTES} bytes`,
    );
  }
  try {
    // `type` was narrowed to the sidecar's own types by the spooledEvent schema.
    return parseEventBody(event.type, event.data) as SidecarEventBody;
  } catch (cause) {
    throw new IngestError(
      "malformed",
      `Event (${event.epoch}, ${event.n}) of type ${event.type} has the wrong shape`,
      { cause },
    );
  }
}

/** The schemas bound texts, not all that a tool's input or a list may hold. The many deltas are a text alone. */
function isTooLarge({ type, data }: SpooledEvent): boolean {
  const isText = type === "part.delta" || type === "tool.output";
  return !isText && Buffer.byteLength(JSON.stringify(data) ?? "") > MAX_EVENT_BYTES;
}

/** A position that comes again must carry what it carried before. */
function assertSame(tx: LogTransaction, sessionId: string, event: SpooledEvent): void {
  const stored = tx.store
    .select({ type: events.type, data: events.data, at: events.at })
    .from(events)
    .where(and(eq(events.sessionId, sessionId), eq(events.epoch, event.epoch), eq(events.n, event.n)))
    .get();
  const body = parseSidecarBody(event);
  if (stored?.type !== event.type || stored.at !== event.at || stored.data !== JSON.stringify(body.data)) {
    throw new IngestError("rewritten", `Event (${event.epoch}, ${event.n}) came again with other content`);
  }
}
