import type { Failure } from "../../../sidecar/src/contract";
import { type Driver, DriverError, VOLUME_KINDS } from "../../drivers/driver";
import type { Logger } from "../log";
import { REPLACING } from "../sessions/decisions";
import type { SnapshotFiles, SnapshotPlace } from "./snapshot-files";

interface Deps {
  driver: Pick<Driver, "removeVolumes" | "importVolumes">;
  files: Pick<SnapshotFiles, "verify" | "read">;
  logger: Logger;
}

/**
 * Puts a snapshot's files in the place of those of a session that does not run, after it has read them all once.
 * @param opts.keepPresent saves what is there, once the snapshot is known to be whole, and says where: from there it comes back
 *   when the snapshot cannot be put in its place. null: there is nothing to keep
 * @returns null, or why the session has other files than it should. Never rejects
 */
export async function putBack(
  deps: Deps,
  opts: {
    sessionId: string;
    snapshot: SnapshotPlace;
    keepPresent: (() => Promise<SnapshotPlace>) | null;
  },
): Promise<Failure | null> {
  const { sessionId, snapshot } = opts;
  let present: SnapshotPlace | null;
  try {
    await deps.files.verify(snapshot);
    present = (await opts.keepPresent?.()) ?? null;
  } catch (error) {
    deps.logger.error(
      { sessionId, snapshot, err: error },
      "snapshot not put back; the files are as they were",
    );
    return opts.keepPresent === null ? notWhole(error) : untouched(error);
  }
  try {
    await replaceVolumes(deps, sessionId, snapshot);
    return null;
  } catch (error) {
    deps.logger.error({ sessionId, snapshot, err: error }, "snapshot not put back");
    return present === null ? notWhole(error) : await undo(deps, { sessionId, present, error });
  }
}

async function undo(
  deps: Deps,
  { sessionId, present, error }: { sessionId: string; present: SnapshotPlace; error: unknown },
): Promise<Failure> {
  try {
    await replaceVolumes(deps, sessionId, present);
    return untouched(error);
  } catch (err) {
    deps.logger.error({ sessionId, present, err }, "files of before not put back");
    return notWhole(error);
  }
}

async function replaceVolumes(
  { driver, files }: Deps,
  sessionId: string,
  from: SnapshotPlace,
): Promise<void> {
  await driver.removeVolumes(sessionId);
  for (const kind of VOLUME_KINDS) await driver.importVolumes(sessionId, files.read(from, kind));
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
    code: REPLACING.failed,
    message: `The snapshot could not be restored to its end, so the session's files are not whole. ${whyOf(error)} Restore a snapshot of it again, or delete it.`,
    detail: detailOf(error),
  };
}

/** A sentence with what to do about it. */
export function whyOf(error: unknown): string {
  if (error instanceof DriverError) return error.message;
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
