import type { Failure } from "../../../sidecar/src/contract";
import { type Driver, DriverError, VOLUME_KINDS } from "../../drivers/driver";
import { AppError } from "../errors";
import type { Logger } from "../log";
import { emptyTerminals, type SnapshotFiles, type SnapshotPlace } from "./snapshot-files";

interface Deps {
  driver: Pick<Driver, "removeVolumes" | "importVolumes">;
  files: Pick<SnapshotFiles, "verify" | "read">;
  logger: Logger;
}

/**
 * What a session has before a snapshot is put in its place. `half`: an earlier try was cut short; `saved` is what there was
 * before that.
 */
export type Present =
  { files: "whole"; save(): Promise<SnapshotPlace> } | { files: "half"; saved: SnapshotPlace | null };

/** `isWhole`: the session's files are all of the snapshot, or all as they were before. */
export interface PutBack {
  isWhole: boolean;
  failure: Failure | null;
}

/**
 * Puts a snapshot's files in the place of those of a session that does not run, after it has read them all once. What cannot
 * be put there to the end gives way to what was there before.
 * @param opts.begins told before the first file goes: from then on they are whole only when the answer says so
 * @returns never rejects
 */
export async function putBack(
  deps: Deps,
  opts: {
    sessionId: string;
    snapshot: SnapshotPlace;
    present: Present;
    begins(saved: SnapshotPlace | null): void;
  },
): Promise<PutBack> {
  const { sessionId, snapshot, present } = opts;
  const told = (error: unknown) =>
    deps.logger.error({ sessionId, snapshot, err: error }, "snapshot could not be put back");
  let saved = present.files === "half" ? present.saved : null;
  try {
    await deps.files.verify(snapshot);
    if (present.files === "whole") saved = await present.save();
    opts.begins(saved);
  } catch (error) {
    told(error);
    if (present.files === "whole") return { isWhole: true, failure: untouched(error) };
    return undo(deps, { sessionId, saved, error });
  }
  try {
    await replaceVolumes(deps, sessionId, snapshot);
    return { isWhole: true, failure: null };
  } catch (error) {
    told(error);
    return undo(deps, { sessionId, saved, error });
  }
}

async function undo(
  deps: Deps,
  { sessionId, saved, error }: { sessionId: string; saved: SnapshotPlace | null; error: unknown },
): Promise<PutBack> {
  if (saved === null) return { isWhole: false, failure: notWhole(error) };
  try {
    await deps.files.verify(saved);
    await replaceVolumes(deps, sessionId, saved);
    return { isWhole: true, failure: untouched(error) };
  } catch (err) {
    deps.logger.error({ sessionId, saved, err }, "files of before could not be put back");
    return { isWhole: false, failure: notWhole(error) };
  }
}

async function replaceVolumes(
  { driver, files }: Deps,
  sessionId: string,
  from: SnapshotPlace,
): Promise<void> {
  await driver.removeVolumes(sessionId);
  for (const kind of VOLUME_KINDS) {
    const tar = files.read(from, kind);
    try {
      await driver.importVolumes(sessionId, tar);
    } finally {
      tar.destroy();
    }
  }
  await driver.importVolumes(sessionId, emptyTerminals());
}

function untouched(error: unknown): Failure {
  return {
    code: "not_restored",
    message: `The snapshot was not restored, and the session's files are as they were. ${whyOf(error)} Resume to go on.`,
    detail: detailOf(error),
  };
}

function notWhole(error: unknown): Failure {
  return {
    code: "restore_failed",
    message: `The snapshot's files could not all be put in place, so the session cannot run. ${whyOf(error)} It is tried again when the server or Docker starts; or restore a snapshot, or delete the session.`,
    detail: detailOf(error),
  };
}

/** A sentence with what to do about it. */
export function whyOf(error: unknown): string {
  if (error instanceof DriverError || error instanceof AppError) return error.message;
  if (error instanceof Error && error.name === "AbortError") return "The server was stopped meanwhile.";
  const code = error instanceof Error && "code" in error ? error.code : null;
  switch (code) {
    case "ENOSPC":
      return "The disk is full: free some, under Settings → Storage for one.";
    case "ENOENT":
      return "The snapshot's files are gone: delete it.";
    case "Z_DATA_ERROR":
    case "Z_BUF_ERROR":
      return "The snapshot's files are damaged: delete it.";
    default:
      return "The server's log has the cause.";
  }
}

export function detailOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}`.slice(0, 1000)
    : String(error).slice(0, 1000);
}
