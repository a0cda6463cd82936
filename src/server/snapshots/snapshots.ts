import { eq } from "drizzle-orm";
import type { Driver } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { BackupError } from "../backup/backup-error";
import { waitForCopyLock } from "../backup/copy-lock";
import type { Clock } from "../clock";
import type { Database } from "../db/database";
import { snapshots } from "../db/schema";
import { AppError } from "../errors";
import type { EventLog } from "../events/event-log";
import { newId } from "../ids";
import type { Logger } from "../log";
import { requireWhole } from "../sessions/decisions";
import type { KeyedMutex } from "../sessions/keyed-mutex";
import type { Lifecycle } from "../sessions/lifecycle";
import { SESSION_LIMITS } from "../sessions/limits";
import { requireSession, type Session } from "../sessions/session-store";
import { failSnapshot, insertSnapshot, makeSnapshot } from "./make-snapshot";
import { createRestores } from "./restores";
import type { SnapshotFiles } from "./snapshot-files";
import {
  countSnapshots,
  isReady,
  requireSnapshot,
  type Snapshot,
  type SnapshotRow,
  snapshotsOf,
  snapshotView,
} from "./snapshot-store";

/** States of sessions that people keep, and go back to. */
export interface Snapshots {
  /** The newest first. */
  list(caller: Caller, sessionId: string): Snapshot[];
  /**
   * Answers at once, state `making`; the session stands still while its files are read.
   * @throws AppError `session_busy` while it starts, `snapshot_limit`, `out_of_disk`
   */
  create(caller: Caller, opts: { sessionId: string; name?: string | undefined }): Snapshot;
  /**
   * `in-place`: the session stops, what it has is kept as a snapshot of its own, and its files and the agent's memory become
   * those of the snapshot. `new-session`: a copy that belongs to the caller. Answers before the files are there; the session
   * says so in its `reason`, and then goes on: a copy always, another one if it ran.
   * @throws AppError `session_busy` while a turn runs or a prompt waits, or another copy takes long; `out_of_disk`
   */
  restore(caller: Caller, opts: { id: string; as: "in-place" | "new-session" }): Promise<Session>;
  /** @throws AppError `session_busy` while it is being made or restored */
  remove(caller: Caller, id: string): Promise<void>;
  /** Says of those that a server was making as it ended that they failed. */
  start(): void;
  /** Goes on with restores that were cut short; once the engine answers, and whenever it is back. */
  takeUp(): void;
  /** @throws AppError `session_busy` while one of the session's is being copied into another one */
  requireUnused(sessionId: string): void;
  /** Breaks off snapshots that are being made, and waits for what is being restored. */
  stop(): Promise<void>;
}

export function createSnapshots(deps: {
  db: Database;
  log: EventLog;
  clock: Clock;
  logger: Logger;
  dataDir: string;
  driver: Pick<Driver, "whilePaused" | "exportVolumes" | "removeVolumes" | "importVolumes">;
  files: SnapshotFiles;
  lifecycle: Pick<Lifecycle, "putAside">;
  /** Serialises acts on one session. */
  mutex: KeyedMutex;
  requireDisk(): void;
}): Snapshots {
  const { db, dataDir, logger } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = new Set<Promise<void>>();
  const inBackground = (work: Promise<void>) => {
    const ended = work
      .catch((err: unknown) => logger.error({ err }, "work on a snapshot broke off"))
      .finally(() => running.delete(ended));
    running.add(ended);
  };
  const make = async (row: SnapshotRow) => {
    const lock = await waitForCopyLock(dataDir, { signal });
    try {
      await deps.mutex.run(`life:${row.sessionId}`, () => makeSnapshot(deps, row, signal));
    } finally {
      lock.release();
    }
  };
  const restores = createRestores({
    ...deps,
    inBackground,
    takeLock: (when) => takeLock(dataDir, { when, signal }),
  });

  return {
    list(caller, sessionId) {
      requireSession(db, caller, { id: sessionId, access: "read" });
      return snapshotsOf(db, sessionId);
    },
    create(caller, { sessionId, name }) {
      const session = requireSession(db, caller, { id: sessionId, access: "write" });
      requireWhole(session);
      if (session.status === "creating")
        throw busy("The session is not started yet. Make the snapshot when it is ready.");
      if (countSnapshots(db, sessionId) >= SESSION_LIMITS.maxSnapshots) throw tooMany();
      deps.requireDisk();
      const snapshot = { id: newId("snp"), sessionId, name: name ?? "Snapshot", createdBy: caller.userId };
      const row = insertSnapshot(deps, snapshot);
      inBackground(make(row));
      return snapshotView(db, row);
    },
    async restore(caller, { id, as }) {
      const row = requireSnapshot(db, caller, { id, access: "write" });
      if (!isReady(row))
        throw busy("The snapshot is not whole, so there is nothing to go back to. Take another one.");
      return as === "in-place" ? restores.inPlace(caller, row) : restores.asCopy(caller, row);
    },
    async remove(caller, id) {
      const row = requireSnapshot(db, caller, { id, access: "write" });
      if (row.state === "making" || restores.uses(row))
        throw busy("The snapshot is being made or restored. Wait for its end, then delete it.");
      await deps.files.remove({ sessionId: row.sessionId, snapshotId: id });
      db.delete(snapshots).where(eq(snapshots.id, id)).run();
    },
    start() {
      for (const { id, sessionId } of db
        .select()
        .from(snapshots)
        .where(eq(snapshots.state, "making"))
        .all()) {
        failSnapshot(db, id, new DOMException("the server ended meanwhile", "AbortError"));
        inBackground(deps.files.remove({ sessionId, snapshotId: id }));
      }
    },
    takeUp: () => restores.takeUp(),
    requireUnused(sessionId) {
      if (snapshotsOf(db, sessionId).some((snapshot) => restores.uses(snapshot, { except: sessionId })))
        throw busy(
          "A snapshot of the session is being copied into another one. Wait for its end, then delete it.",
        );
    },
    async stop() {
      stopping.abort();
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** @throws AppError `session_busy` */
async function takeLock(
  dataDir: string,
  { when, signal }: { when: "soon" | "some time"; signal: AbortSignal },
): Promise<{ release(): void }> {
  try {
    const soon = when === "soon" ? { waitMs: SESSION_LIMITS.copyWaitMs } : {};
    return await waitForCopyLock(dataDir, { signal, ...soon });
  } catch (cause) {
    if (!(cause instanceof BackupError)) throw cause;
    throw busy("A backup or another snapshot is being made. Wait for its end, then try again.");
  }
}

function busy(message: string): AppError {
  return new AppError("CONFLICT", "session_busy", message);
}

function tooMany(): AppError {
  return new AppError(
    "CONFLICT",
    "snapshot_limit",
    `The session has as many snapshots as it may have (${SESSION_LIMITS.maxSnapshots}). Delete one that nobody needs.`,
  );
}
