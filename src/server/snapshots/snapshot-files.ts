import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { VOLUME_KINDS, type VolumeKind } from "../../drivers/driver";
import { addEntry } from "../backup/archive-writer";
import { writeDurably } from "../backup/durable-file";
import { tarEntries } from "../backup/tar-entries";

export interface SnapshotPlace {
  sessionId: string;
  snapshotId: string;
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
  /** A volume as the driver imports it, without what belonged to a container that has ended. */
  read(place: SnapshotPlace, kind: VolumeKind): Readable;
  remove(place: SnapshotPlace): Promise<void>;
  removeOfSession(sessionId: string): Promise<void>;
}

/** Terminals that a stopped container kept for the next one: there they are somebody else's, or closed since. */
const LEFT_OUT = "state/spool/terminals.json";

export function createSnapshotFiles(dataDir: string): SnapshotFiles {
  const ofSession = (sessionId: string) => join(dataDir, "snapshots", sessionId);
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
      return withoutLeftOut(tar);
    },
    remove: (place) => rm(directory(place), { recursive: true, force: true }),
    removeOfSession: (sessionId) => rm(ofSession(sessionId), { recursive: true, force: true }),
  };
}

/** Pipes stay out, too: they mean nothing without who reads them. */
function withoutLeftOut(tar: Readable): Readable {
  const rest = pack();
  rest.on("error", () => {
    // Told to whoever reads it; without a listener it would end the process.
  });
  const copy = async () => {
    for await (const { header, body, skip } of tarEntries(tar as AsyncIterable<Buffer>)) {
      const { type } = header;
      const isKept = type === "file" || type === "directory" || type === "symlink" || type === "link";
      if (!isKept || header.name === LEFT_OUT) {
        skip();
        continue;
      }
      const { name, size = 0, mode = 0, uid = 0, gid = 0, mtime = new Date(0), linkname = null } = header;
      await addEntry(rest, { name, type, size, mode, uid, gid, mtime, linkname }, body);
      if (type !== "file") skip();
    }
    rest.finalize();
  };
  copy().catch((error: unknown) => rest.destroy(error instanceof Error ? error : new Error(String(error))));
  return Readable.from(rest as AsyncIterable<Buffer>);
}
