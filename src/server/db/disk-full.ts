import { AppError } from "../errors";

/** SQLite's word, and the system's two. */
const NO_ROOM = new Set(["SQLITE_FULL", "ENOSPC", "EDQUOT"]);
/** Of causes; a chain that goes round ends here. */
const DEEPEST = 5;

/** @returns what people are told when a write found no room, however deep that lies; null for every other failure */
export function asDiskFull(error: unknown): AppError | null {
  let at = error;
  for (let depth = 0; depth < DEEPEST && at instanceof Error; depth += 1) {
    if ("code" in at && typeof at.code === "string" && NO_ROOM.has(at.code))
      return new AppError(
        "SERVICE_UNAVAILABLE",
        "out_of_disk",
        "The disk of the server's data directory is full, so nothing of this was kept. Free some room there, or delete sessions that nobody needs, then try again; what runs goes on by itself.",
        { detail: at.message, cause: error },
      );
    at = at.cause;
  }
  return null;
}
