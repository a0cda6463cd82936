/** What is said of a session while a snapshot is put in its place, and when it may not be. */
import type { Failure } from "../../../sidecar/src/contract";
import type { Store } from "../db/database";
import { AppError } from "../errors";
import { firstInState } from "../sessions/running-prompt";
import type { SessionRow } from "../sessions/session-store";
import type { ReadySnapshot } from "./snapshot-store";

/** A turn would be cut off, and what waits was asked of the files as they are. @throws AppError `session_busy` */
export function requireQuiet(store: Store, row: SessionRow): void {
  const what = firstInState(store, row.id, "running")
    ? "The agent is at work. Stop it, or wait until it is done"
    : firstInState(store, row.id, "queued")
      ? "Prompts wait in line. Cancel them, or let them run first"
      : row.status === "creating"
        ? "The session is not started yet. Wait until it is ready"
        : null;
  if (what !== null) throw new AppError("CONFLICT", "session_busy", `${what}; then restore the snapshot.`);
}

export function restoring({ name }: ReadySnapshot): Failure {
  return {
    code: "restoring",
    message: `The files of the snapshot “${name}” are being put back. What the session had is kept as a snapshot of its own.`,
  };
}

export function copying({ name }: ReadySnapshot): Failure {
  return {
    code: "copying",
    message: `The files of the snapshot “${name}” are being copied. The session starts when they are there.`,
  };
}

/** Before the first file was touched. */
export function cutShort(): Failure {
  return {
    code: "not_restored",
    message:
      "The server was stopped before the snapshot was restored, so the session's files are as they were. Restore it again, or resume to go on.",
  };
}

export function gone(): Failure {
  return {
    code: "restore_failed",
    message:
      "The session's files are not whole, and the snapshot that was being put in their place is gone. Restore another snapshot, or delete the session.",
  };
}

export function restored({ id, name, createdAt, lastSeq }: ReadySnapshot) {
  const data = { snapshotId: id, name, madeAt: createdAt, seq: lastSeq };
  return { type: "session.restored" as const, data };
}
