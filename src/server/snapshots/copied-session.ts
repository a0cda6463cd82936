/** The rows of a session that begins as a copy of another one, at a snapshot of that. */
import { and, eq, inArray, lte, sql } from "drizzle-orm";
import type { EventType, Failure } from "../../../sidecar/src/contract";
import type { Store } from "../db/database";
import { events, sessions } from "../db/schema";
import type { LogTransaction } from "../events/event-log";
import type { SessionRow } from "../sessions/session-store";
import type { ReadySnapshot } from "./snapshot-store";

const COPY = " (copy)";
const TITLE_CHARS = 200;

/**
 * Row and log of the copy `id`, as the session was at the snapshot. Its spool comes with its files, so that it goes on after
 * the same position; what was open then is closed by its sidecar.
 */
export function insertCopy(
  tx: LogTransaction,
  copy: {
    id: string;
    ownerId: string;
    source: SessionRow;
    snapshot: ReadySnapshot;
    reason: Failure;
    now: string;
  },
): void {
  const { id, source, snapshot } = copy;
  const title = source.title.slice(0, TITLE_CHARS - COPY.length) + COPY;
  tx.store
    .insert(sessions)
    .values({
      id,
      ownerId: copy.ownerId,
      title,
      status: "stopped",
      reason: copy.reason,
      agentState: "asleep",
      model: source.model,
      agent: source.agent,
      permissionMode: source.permissionMode,
      repo: source.repo,
      visibility: "private",
      epoch: snapshot.epoch,
      heldEpoch: snapshot.heldEpoch,
      heldN: snapshot.heldN,
      lastSeq: snapshot.lastSeq,
      replacing: { kind: "copying", snapshotId: snapshot.id, savedId: null },
      conversationOf: source.conversationOf ?? source.id,
      idleStopMinutes: source.idleStopMinutes,
      createdAt: copy.now,
      lastActivityAt: copy.now,
    })
    .run();
  copyEvents(tx.store, { from: source.id, to: id, lastSeq: snapshot.lastSeq });
  for (const promptId of waitingAt(tx.store, source.id, snapshot.lastSeq))
    tx.append(id, {
      type: "prompt.cancelled",
      data: { promptId, reason: "It waits in the session that was copied." },
    });
  const { name, createdAt: madeAt, lastSeq: seq } = snapshot;
  const from = { sessionId: source.id, title: source.title };
  tx.append(id, { type: "session.updated", data: { title, visibility: "private" } });
  tx.append(id, {
    type: "session.status",
    data: { status: "stopped", step: null, reason: copy.reason, agentState: "asleep" },
  });
  tx.append(id, { type: "session.restored", data: { snapshotId: snapshot.id, name, madeAt, seq, from } });
}

function copyEvents(
  store: Store,
  { from, to, lastSeq }: { from: string; to: string; lastSeq: number },
): void {
  const { seq, at, type, data, epoch, n } = events;
  const copied = store
    .select({ sessionId: sql<string>`${to}`.as("copy"), seq, at, type, data, epoch, n })
    .from(events)
    .where(and(eq(events.sessionId, from), lte(seq, lastSeq)));
  store.insert(events).select(copied).run();
}

/** Prompts that were in line and had not begun when event `seq` was the last. */
function waitingAt(store: Store, sessionId: string, seq: number): string[] {
  const types: EventType[] = ["prompt.queued", "prompt.started", "prompt.cancelled"];
  const waiting = new Set<string>();
  const promptId = sql<string>`json_extract(${events.data}, '$.promptId')`;
  const found = store
    .select({ type: events.type, promptId })
    .from(events)
    .where(and(eq(events.sessionId, sessionId), lte(events.seq, seq), inArray(events.type, types)))
    .orderBy(events.seq)
    .all();
  for (const event of found)
    if (event.type === "prompt.queued") waiting.add(event.promptId);
    else waiting.delete(event.promptId);
  return [...waiting];
}
