import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pack, type Pack } from "tar-stream";
import type { VolumeKind } from "../../drivers/driver";
import { encryptStream } from "./age-file";
import { COMPLETE, DATABASE, MANIFEST, volumeEntry, type Manifest } from "./archive-format";
import { BackupError } from "./backup-error";
import { writeDurably } from "./durable-file";
import { createEntryPolicy, type CheckedEntry } from "./entry-policy";
import { tarEntries, type RawHeader } from "./tar-entries";

export interface ArchiveWriter {
  /** First of all. */
  manifest(manifest: Manifest): Promise<void>;
  /** One volume of a session, as the driver exports it. */
  volume(sessionId: string, kind: VolumeKind, tar: Readable): Promise<void>;
  /** After the volumes. */
  database(file: string): Promise<void>;
}

export interface Written {
  sessions: string[];
  entries: number;
  bytes: number;
  /**
   * What no archive holds: pipes and devices, which mean nothing in another container, and what could not be written again.
   * With the reason.
   */
  leftOut: string[];
}

interface Tally extends Written {
  policy: ReturnType<typeof createEntryPolicy>;
  add(entry: CheckedEntry, body: AsyncIterable<Buffer> | Buffer): Promise<void>;
}

/**
 * Writes an encrypted archive; it is at `file` when this returns, and nothing is when it throws.
 * @param fill gives everything, in the archive's order
 */
export async function writeArchive(
  opts: { file: string; passphrase: string; signal?: AbortSignal; onBytes?: (bytes: number) => void },
  fill: (archive: ArchiveWriter) => Promise<void>,
): Promise<Written & { fileBytes: number }> {
  const tar = pack();
  tar.on("error", () => {
    // Told by whoever reads or writes it; without a listener it would end the process.
  });
  const failed = new AbortController();
  const tally = createTally(tar, opts.onBytes);
  const writing = writeDurably(opts.file, encryptStream(tar as AsyncIterable<Buffer>, opts.passphrase));
  writing.catch((error: unknown) => {
    failed.abort(error);
    tar.destroy(asError(error));
  });
  const onAbort = () => tar.destroy(asError(opts.signal?.reason));
  opts.signal?.addEventListener("abort", onAbort);
  try {
    opts.signal?.throwIfAborted();
    await fill({
      manifest: (manifest) => json(tally, MANIFEST, manifest),
      async volume(sessionId, kind, volume) {
        if (!tally.sessions.includes(sessionId)) tally.sessions.push(sessionId);
        await addVolume(tally, { sessionId, kind }, volume);
      },
      async database(file) {
        const { size } = await stat(file);
        const entry = tally.policy.check({ ...plainFile(DATABASE), size });
        await tally.add(entry, createReadStream(file) as AsyncIterable<Buffer>);
      },
    });
    const { sessions, entries, bytes, leftOut } = tally;
    await json(tally, COMPLETE, { sessions, entries, bytes });
    tar.finalize();
    return { sessions, entries, bytes, leftOut, fileBytes: await writing };
  } catch (error) {
    const cause: unknown = failed.signal.aborted ? failed.signal.reason : error;
    tar.destroy(asError(error));
    await writing.catch(() => undefined);
    // The disk's own failure says more than that of the stream which it ended.
    throw opts.signal?.aborted ? opts.signal.reason : cause;
  } finally {
    opts.signal?.removeEventListener("abort", onAbort);
  }
}

function createTally(tar: Pack, onBytes?: (bytes: number) => void): Tally {
  const policy = createEntryPolicy();
  const tally: Tally = {
    policy,
    sessions: [],
    entries: 0,
    bytes: 0,
    leftOut: [],
    async add(entry, body) {
      await addEntry(tar, entry, body);
      tally.entries += 1;
      tally.bytes += entry.size;
      onBytes?.(tally.bytes);
    },
  };
  return tally;
}

/** Writes one entry to its end. @throws what ended the tar meanwhile */
export async function addEntry(
  tar: Pack,
  { name, type, size, mode, uid, gid, mtime, linkname }: CheckedEntry,
  body: AsyncIterable<Buffer> | Buffer,
): Promise<void> {
  const header = { name, type, size, mode, uid, gid, mtime, ...(linkname === null ? {} : { linkname }) };
  const { ended, done } = createEnd();
  if (type !== "file" || Buffer.isBuffer(body)) {
    tar.entry(header, Buffer.isBuffer(body) ? body : Buffer.alloc(0), done).on("error", () => undefined);
    return ended;
  }
  const sink = tar.entry(header, done);
  // `done` tells it; without a listener it would end the process.
  sink.on("error", () => undefined);
  for await (const chunk of body)
    if (!sink.write(chunk))
      await Promise.race([new Promise<void>((resolve) => sink.once("drain", resolve)), ended]);
  sink.end(null);
  return ended;
}

function createEnd(): { ended: Promise<void>; done: (error?: Error | null) => void } {
  let done: (error?: Error | null) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    done = (error) => (error ? reject(error) : resolve());
  });
  // Told to whoever waits for it.
  ended.catch(() => undefined);
  return { ended, done };
}

async function json(tally: Tally, name: string, content: unknown): Promise<void> {
  const body = Buffer.from(`${JSON.stringify(content)}\n`);
  await tally.add(tally.policy.check({ ...plainFile(name), size: body.length }), body);
}

function plainFile(name: string): RawHeader {
  return { name, type: "file", mode: 0o600, uid: 0, gid: 0, mtime: new Date() };
}

async function addVolume(
  tally: Tally,
  volume: { sessionId: string; kind: VolumeKind },
  source: Readable,
): Promise<void> {
  for await (const { header, body, skip } of tarEntries(source as AsyncIterable<Buffer>)) {
    const entry = accepted(tally, inArchive(tally, volume, header));
    if (entry !== null) await tally.add(entry, body);
    if (entry?.type !== "file") skip();
  }
}

/** Nobody in a session may keep a backup from being made: what is refused is left out, and told. @returns null then */
function accepted({ policy, leftOut }: Tally, header: RawHeader): CheckedEntry | null {
  try {
    return policy.check(header);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    leftOut.push(error.detail ?? error.message);
    return null;
  }
}

/** The header of a volume's entry, as it stands in an archive. */
function inArchive(
  { policy }: Tally,
  volume: { sessionId: string; kind: VolumeKind },
  header: RawHeader,
): RawHeader {
  const { type } = header;
  const placed = (name: string) =>
    volumeEntry({ ...volume, path: name.replace(/\/$/, "").split("/").slice(1).join("/") });
  let name = placed(header.name);
  // Names that are no UTF-8 come out alike when they differed in such bytes alone.
  if (name.includes("\uFFFD") && type !== "directory")
    for (let next = 2; policy.has(name); next += 1) name = `${placed(header.name)}~${next}`;
  return {
    ...header,
    name,
    size: type === "file" ? (header.size ?? 0) : 0,
    // Nobody in the next container is to become another by a file of this one.
    mode: (header.mode ?? 0) & 0o1777,
    linkname: type === "link" ? placed(header.linkname ?? "") : (header.linkname ?? null),
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
