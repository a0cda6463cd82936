/** Which entries an archive may hold. The same wall stands where one is written: what is made here can be restored. */
import { ARCHIVE_LIMITS, placeOf, type Place } from "./archive-format";
import { BackupError } from "./backup-error";
import type { RawHeader } from "./tar-entries";

/** An entry that passed. */
export interface CheckedEntry {
  name: string;
  place: Place;
  type: "file" | "directory" | "symlink" | "link";
  size: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: Date;
  /** Of links; of a hard link the name of an earlier file in the same volume. */
  linkname: string | null;
}

export interface EntryPolicy {
  /** @throws BackupError `refused_entry` */
  check(header: RawHeader): CheckedEntry;
  /** True for a name that came already in the session being read. */
  has(name: string): boolean;
}

type Kind = CheckedEntry["type"];
const KINDS: readonly Kind[] = ["file", "directory", "symlink", "link"];
const PARTS = ["manifest", "volume", "database", "complete"] as const;
const MAX_ID = 2 ** 18 - 1;
const MAX_MTIME_SECONDS = 2 ** 31 - 1;

/** Remembers what came, for one archive. */
export function createEntryPolicy(): EntryPolicy {
  const done = new Set<string>();
  let seen = new Map<string, Kind>();
  let reached = 0;
  let current: string | null = null;
  let sessionBytes = 0;

  const inOrder = (place: Place, name: string) => {
    const part = PARTS.indexOf(place.part);
    const isFirst = place.part === "manifest" ? reached === 0 : reached > 0;
    // Volumes are many; all else comes once.
    if (!isFirst || part + 1 < reached || (part + 1 === reached && place.part !== "volume"))
      throw refused(name, "is out of order or comes twice");
    reached = part + 1;
    if (place.part !== "volume" || place.sessionId === current) return;
    if (done.has(place.sessionId)) throw refused(name, "is of a session that was ended before");
    if (done.size >= ARCHIVE_LIMITS.sessions) throw refused(name, "is of one session too many");
    done.add(place.sessionId);
    current = place.sessionId;
    seen = new Map();
    sessionBytes = 0;
  };

  const inVolume = (entry: CheckedEntry) => {
    const { name, type, place } = entry;
    if (place.part !== "volume") {
      if (type !== "file") throw refused(name, `is a ${type}`);
      const limit = place.part === "database" ? ARCHIVE_LIMITS.databaseBytes : ARCHIVE_LIMITS.jsonBytes;
      if (entry.size > limit) throw refused(name, `is too large (${entry.size} bytes)`);
      return;
    }
    if (seen.has(name)) throw refused(name, "comes twice");
    if (seen.size >= ARCHIVE_LIMITS.entriesInSession) throw refused(name, "is one too many in its session");
    if (place.path === "" && type !== "directory") throw refused(name, "stands in the place of a volume");
    // Made as a directory before: so nothing is ever written through a link.
    if (place.path !== "" && seen.get(name.slice(0, name.lastIndexOf("/"))) !== "directory")
      throw refused(name, "is in no directory that came before");
    if (type === "link") requireEarlierFile(entry, seen, place);
    sessionBytes += entry.size;
    if (entry.size > ARCHIVE_LIMITS.fileBytes || sessionBytes > ARCHIVE_LIMITS.sessionBytes)
      throw refused(name, `is too large (${entry.size} bytes)`);
    seen.set(name, type);
  };

  return {
    has: (name) => seen.has(name),
    check(header) {
      const entry = shapeOf(header);
      inOrder(entry.place, entry.name);
      inVolume(entry);
      return entry;
    },
  };
}

/** What can be said of an entry alone. */
function shapeOf(header: RawHeader): CheckedEntry {
  const { mode = 0, uid = 0, gid = 0, size = 0, mtime = new Date(0), linkname = null } = header;
  const type = KINDS.find((kind) => kind === header.type);
  if (type === undefined) throw refused(header.name, `is a ${header.type ?? "thing of unknown kind"}`);
  const name = type === "directory" ? header.name.replace(/\/$/, "") : header.name;
  checkName(name);
  const place = placeOf(name);
  if (place === null) throw refused(name, "belongs nowhere");
  if ((mode & 0o6000) !== 0 && type !== "symlink")
    throw refused(name, "would run as another (setuid or setgid)");
  for (const number of [mode, uid, gid, size])
    if (!Number.isSafeInteger(number) || number < 0) throw refused(name, "has a number that is none");
  if (uid > MAX_ID || gid > MAX_ID) throw refused(name, `belongs to ${uid}:${gid}`);
  if (type !== "file" && size !== 0) throw refused(name, `is a ${type} with content`);
  const isLink = type === "symlink" || type === "link";
  if (isLink !== (linkname !== null && linkname !== "")) throw refused(name, "leads nowhere");
  if (isLink && (isTooLong(linkname ?? "") || (linkname ?? "").includes("\0")))
    throw refused(name, "leads to a name that is none");
  return { name, place, type, size, mode: mode & 0o7777, uid, gid, mtime: inRange(mtime), linkname };
}

function checkName(name: string): void {
  if (isTooLong(name)) throw refused(name, "has a name that is too long");
  if (name.includes("\0")) throw refused(name, "has a name with a zero in it");
  if (name.startsWith("/")) throw refused(name, "has an absolute name");
  for (const part of name.split("/")) {
    if (part === "" || part === "." || part === "..") throw refused(name, "has a name that leads elsewhere");
    if (Buffer.byteLength(part) > ARCHIVE_LIMITS.partBytes)
      throw refused(name, "has a name that is too long");
  }
}

function isTooLong(name: string): boolean {
  return Buffer.byteLength(name) > ARCHIVE_LIMITS.nameBytes;
}

function requireEarlierFile(
  { name, linkname }: CheckedEntry,
  seen: ReadonlyMap<string, Kind>,
  place: Extract<Place, { part: "volume" }>,
): void {
  const target = placeOf(linkname ?? "");
  const isSameVolume =
    target?.part === "volume" && target.sessionId === place.sessionId && target.kind === place.kind;
  const kind = seen.get(linkname ?? "");
  if (!isSameVolume || (kind !== "file" && kind !== "link"))
    throw refused(name, "is a hard link to something that is no file of its volume");
}

function inRange(mtime: Date): Date {
  const seconds = Math.trunc(mtime.getTime() / 1000) || 0;
  return new Date(Math.min(Math.max(seconds, 0), MAX_MTIME_SECONDS) * 1000);
}

function refused(name: string, why: string): BackupError {
  return new BackupError(
    "refused_entry",
    "The backup holds an entry that none of ours has, so nothing was restored. Do not use this file; take one whose way you know.",
    { detail: `${JSON.stringify(name.slice(0, 300))} ${why}` },
  );
}
