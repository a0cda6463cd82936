/**
 * What is in an archive, in this order: a tar, encrypted by {@link encryptStream}.
 *
 *   manifest.json
 *   sessions/<session>/state/…        volumes as they are: files, directories, symbolic links, hard links among them
 *   sessions/<session>/workspace/…
 *   openagent.db
 *   complete.json                     says that nothing is missing behind it
 */
import { z } from "zod";
import { VOLUME_KINDS, type VolumeKind } from "../../drivers/driver";

export const FORMAT = "openagent-backup";
export const FORMAT_VERSION = 1;
export const MANIFEST = "manifest.json";
export const DATABASE = "openagent.db";
export const COMPLETE = "complete.json";

/** Above what an installation has, and below what would hurt whoever reads it. */
export const ARCHIVE_LIMITS = {
  jsonBytes: 4 * 1024 * 1024,
  databaseBytes: 256 * 1024 ** 3,
  fileBytes: 256 * 1024 ** 3,
  /** All files of one session together. */
  sessionBytes: 1024 ** 4,
  entriesInSession: 4_000_000,
  sessions: 10_000,
  nameBytes: 32 * 1024,
  partBytes: 255,
} as const;

export const sessionId = z.string().regex(/^ses_[A-Za-z0-9]{8,64}$/);

export const manifestSchema = z.object({
  format: z.literal(FORMAT),
  version: z.number().int(),
  createdAt: z.iso.datetime(),
  /** Of OpenAgent. */
  madeBy: z.string().max(100),
  /** Schema changes that the database has behind it. */
  migrations: z.number().int().nonnegative(),
  /** What tells the right master key; null when the installation has none yet. */
  masterKeyCheck: z.string().max(1000).nullable(),
});
export type Manifest = z.infer<typeof manifestSchema>;

export const completeSchema = z.object({
  sessions: z.array(sessionId).max(ARCHIVE_LIMITS.sessions),
  entries: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
});
export type Complete = z.infer<typeof completeSchema>;

/** Where an entry belongs. */
export type Place =
  | { part: "manifest" | "database" | "complete" }
  /** `path`: below the volume's own directory; empty for that. */
  | { part: "volume"; sessionId: string; kind: VolumeKind; path: string };

export function volumeEntry(place: { sessionId: string; kind: VolumeKind; path: string }): string {
  const root = `sessions/${place.sessionId}/${place.kind}`;
  return place.path === "" ? root : `${root}/${place.path}`;
}

/** null for a name that no archive holds */
export function placeOf(name: string): Place | null {
  if (name === MANIFEST) return { part: "manifest" };
  if (name === DATABASE) return { part: "database" };
  if (name === COMPLETE) return { part: "complete" };
  const [first, id, kindName, ...path] = name.split("/");
  const kind = VOLUME_KINDS.find((known) => known === kindName);
  if (first !== "sessions" || kind === undefined || !sessionId.safeParse(id).success) return null;
  return { part: "volume", sessionId: id ?? "", kind, path: path.join("/") };
}
