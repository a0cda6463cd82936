import { eq } from "drizzle-orm";
import { type Clock, isoNow } from "../clock";
import type { Driver } from "../../drivers/driver";
import type { Database } from "../db/database";
import { snapshots } from "../db/schema";
import type { Logger } from "../log";
import { requireWhole } from "../sessions/decisions";
import { getSession } from "../sessions/session-store";
import { detailOf, whyOf } from "./put-back";
import type { SnapshotFiles } from "./snapshot-files";
import type { SnapshotRow } from "./snapshot-store";

export interface MakeDeps {
  db: Database;
  clock: Clock;
  logger: Logger;
  driver: Pick<Driver, "whilePaused" | "exportVolumes">;
  files: SnapshotFiles;
}

/** A row of a snapshot that is about to be made. */
export function insertSnapshot(
  { db, clock }: Pick<MakeDeps, "db" | "clock">,
  snapshot: { id: string; sessionId: string; name: string; createdBy: string },
): SnapshotRow {
  const row = { ...snapshot, createdAt: isoNow(clock), state: "making" as const };
  return db.insert(snapshots).values(row).returning().get();
}

/**
 * Writes the session's files and where its log stood, all of one moment: its processes stand still meanwhile. Whoever calls
 * holds the copy lock and the session's mutex.
 * @throws what went wrong, once the row says `failed` and no file is left
 */
export async function makeSnapshot(deps: MakeDeps, row: SnapshotRow, signal: AbortSignal): Promise<void> {
  const { db, driver, files, logger } = deps;
  const { id: snapshotId, sessionId } = row;
  const place = { sessionId, snapshotId };
  try {
    signal.throwIfAborted();
    requireWhole(getSession(db, sessionId));
    const made = await driver.whilePaused(sessionId, async () => {
      // What comes in after this is in the files' spool, too.
      const { lastSeq, epoch, heldEpoch, heldN } = getSession(db, sessionId);
      let bytes = 0;
      await driver.exportVolumes(sessionId, async (kind, tar) => {
        bytes += await files.write(place, { kind, tar }, signal);
      });
      return { lastSeq, epoch, heldEpoch, heldN, bytes };
    });
    db.update(snapshots)
      .set({ state: "ready", ...made })
      .where(eq(snapshots.id, snapshotId))
      .run();
  } catch (error) {
    logger.error({ ...place, err: error }, "snapshot could not be made");
    await files.remove(place);
    failSnapshot(db, snapshotId, error);
    throw error;
  }
}

export function failSnapshot(db: Database, id: string, error: unknown): void {
  const message = `The snapshot could not be made, and the session went on. ${whyOf(error)}`;
  db.update(snapshots)
    .set({ state: "failed", reason: { code: "not_made", message, detail: detailOf(error) } })
    .where(eq(snapshots.id, id))
    .run();
}
