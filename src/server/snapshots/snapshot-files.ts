import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { VOLUME_KINDS, type VolumeKind } from "../../drivers/driver";
import { writeDurably } from "../backup/durable-file";

export interface SnapshotPlace {
  sessionId: string;
  snapshotId: string;
}

/** What lies on the disk of a snapshot. */
export interface StoredSnapshot extends SnapshotPlace {
  bytes: number;
}

/**
 * The files of snapshots: `<data>/snapshots/<session>/<snapshot>/{state,workspace}.tar.gz`, each a volume as the driver
 * exports it. Only the server's account may read them.
 */
export interface SnapshotFiles {
  /** @returns bytes of the file, which is whole when this returns and not there when it throws */
  write(
    place: SnapshotPlace,
    volume: { kind: VolumeKind; tar: Readable },
    signal: AbortSignal,
  ): Promise<number>;
  /** Reads everything to its end. @throws the system's or the decompressor's error */
  verify(place: SnapshotPlace): Promise<void>;
  /** A volume as the driver imports it. Whoever reads it destroys it. */
  read(place: SnapshotPlace, kind: VolumeKind): Readable;
  remove(place: SnapshotPlace): Promise<void>;
  removeOfSession(sessionId: string): Promise<void>;
  /** All that are there, whole or not. */
  list(): Promise<StoredSnapshot[]>;
}

export function createSnapshotFiles(dataDir: string): SnapshotFiles {
  const all = join(dataDir, "snapshots");
  const ofSession = (sessionId: string) => join(all, sessionId);
  const directory = ({ sessionId, snapshotId }: SnapshotPlace) => join(ofSession(sessionId), snapshotId);
  const file = (place: SnapshotPlace, kind: VolumeKind) => join(directory(place), `${kind}.tar.gz`);
  return {
    async write(place, { kind, tar }, signal) {
      await mkdir(directory(place), { recursive: true, mode: 0o700 });
      let bytes = 0;
      // The session stands still meanwhile: fast before small.
      const gzip = createGzip({ level: constants.Z_BEST_SPEED });
      await pipeline(
        tar,
        gzip,
        async (packed: AsyncIterable<Buffer>) => {
          bytes = await writeDurably(file(place, kind), packed);
        },
        { signal },
      );
      return bytes;
    },
    async verify(place) {
      for (const kind of VOLUME_KINDS) {
        const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
        await pipeline(createReadStream(file(place, kind)), createGunzip(), nowhere);
      }
    },
    read(place, kind) {
      const tar = createGunzip();
      // What either fails with, the reader of `tar` is told.
      pipeline(createReadStream(file(place, kind)), tar).catch(() => undefined);
      return tar;
    },
    remove: (place) => rm(directory(place), { recursive: true, force: true }),
    removeOfSession: (sessionId) => rm(ofSession(sessionId), { recursive: true, force: true }),
    async list() {
      const found: StoredSnapshot[] = [];
      for (const sessionId of await namesIn(all)) {
        for (const snapshotId of await namesIn(ofSession(sessionId))) {
          const place = { sessionId, snapshotId };
          found.push({ ...place, bytes: await bytesIn(directory(place)) });
        }
      }
      return found;
    },
  };
}

/** None where it is not there, or gone meanwhile. */
async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await namesIn(directory)) {
    const file = await stat(join(directory, name)).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    bytes += file?.size ?? 0;
  }
  return bytes;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

/**
 * Imported over a snapshot's state: terminals that a stopped container kept for the next one are somebody else's in a copy, or
 * closed since.
 */
export function emptyTerminals(): Readable {
  const tar = pack();
  tar.entry({ name: "state/spool/terminals.json", mode: 0o644 }, "[]");
  tar.finalize();
  return Readable.from(tar as AsyncIterable<Buffer>);
}
