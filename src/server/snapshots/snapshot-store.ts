import { count, desc, eq } from "drizzle-orm";
import type { Failure } from "../../../sidecar/src/contract";
import type { Caller } from "../auth/caller";
import type { Store } from "../db/database";
import { type Replacing, sessions, snapshots, type SnapshotState, users } from "../db/schema";
import { notFound } from "../errors";
import { type Access, findSession, mayAccess, requireSession } from "../sessions/session-store";

export type SnapshotRow = typeof snapshots.$inferSelect;

/** A snapshot as the API gives it. */
export interface Snapshot {
  id: string;
  sessionId: string;
  name: string;
  state: SnapshotState;
  /** Why it failed. */
  reason: Failure | null;
  by: { id: string; name: string };
  createdAt: string;
  /** Of its files as they are kept; null until it is ready. */
  bytes: number | null;
  /** The last event that it holds; null until it is ready. */
  lastSeq: number | null;
}

/** A snapshot that one can go back to. */
export type ReadySnapshot = SnapshotRow & {
  bytes: number;
  lastSeq: number;
  epoch: number;
  heldEpoch: number;
  heldN: number;
};

export function isReady(row: SnapshotRow): row is ReadySnapshot {
  return row.state === "ready";
}

/** The newest first. */
export function snapshotsOf(store: Store, sessionId: string): Snapshot[] {
  return store
    .select()
    .from(snapshots)
    .where(eq(snapshots.sessionId, sessionId))
    .orderBy(desc(snapshots.createdAt), desc(snapshots.id))
    .all()
    .map((row) => snapshotView(store, row));
}

export function snapshotView(store: Store, row: SnapshotRow): Snapshot {
  const { id, sessionId, name, state, reason, createdAt, bytes, lastSeq } = row;
  const by = store.select({ name: users.name }).from(users).where(eq(users.id, row.createdBy)).get();
  return {
    ...{ id, sessionId, name, state, reason, createdAt, bytes, lastSeq },
    by: { id: row.createdBy, name: by?.name ?? "" },
  };
}

/** How many count towards what a session may have. */
export function countSnapshots(store: Store, sessionId: string): number {
  const found = store.select({ n: count() }).from(snapshots).where(eq(snapshots.sessionId, sessionId)).get();
  return found?.n ?? 0;
}

export function findSnapshot(store: Store, id: string): SnapshotRow | undefined {
  return store.select().from(snapshots).where(eq(snapshots.id, id)).get();
}

/**
 * The snapshot's row, if the caller may do that with its session.
 * @throws AppError `not_found`, alike where there is none
 */
export function requireSnapshot(
  store: Store,
  caller: Pick<Caller, "userId" | "role">,
  opts: { id: string; access: Access },
): SnapshotRow {
  const row = findSnapshot(store, opts.id);
  const session = row && findSession(store, row.sessionId);
  if (!session || !mayAccess(caller, session, "read")) throw notFound("snapshot");
  requireSession(store, caller, { id: row.sessionId, access: opts.access });
  return row;
}

/** Before the first of a session's files goes, and once they are whole again (null). */
export function setReplacing(store: Store, sessionId: string, replacing: Replacing | null): void {
  store.update(sessions).set({ replacing }).where(eq(sessions.id, sessionId)).run();
}
