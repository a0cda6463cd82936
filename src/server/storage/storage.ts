import { desc, sum } from "drizzle-orm";
import { DriverError, type Driver, type VolumeSizes } from "../../drivers/driver";
import type { SessionStatus } from "../../../sidecar/src/contract";
import { mayRun } from "../../roles";
import type { Caller } from "../auth/caller";
import { isoNow, type Clock } from "../clock";
import type { Database } from "../db/database";
import { sessions, snapshots, users } from "../db/schema";
import { mayAccess } from "../sessions/session-store";
import type { Disk, DiskGuard } from "./disk-guard";
import type { GarbageCollection } from "./garbage";

export interface StoredSession {
  id: string;
  /** null: the caller may not read it. */
  title: string | null;
  owner: string;
  status: SessionStatus;
  /** null: not measured yet */
  workspaceBytes: number | null;
  stateBytes: number | null;
  /** Of its snapshots' files. */
  snapshotBytes: number;
  mayDelete: boolean;
}

export interface StorageSummary {
  disks: Disk[];
  /** New sessions begin below this. */
  highWaterPercent: number;
  /** Of the sessions' sizes, ISO 8601 UTC; null when they are not known. */
  measuredAt: string | null;
  /** Why sizes are not known, and what to do. */
  problem: string | null;
  /** The largest first; admins see all, others their own. */
  sessions: StoredSession[];
  /** How many more there are than listed. */
  more: number;
  totalBytes: number;
  mayReclaim: boolean;
}

/** What there is to give back, or was given back. */
export interface Reclaimed {
  sessions: number;
  containers: number;
  snapshots: number;
  images: number;
  /** At most: images share layers. */
  bytes: number;
}

export interface Storage {
  summary(caller: Caller): Promise<StorageSummary>;
  /**
   * Containers of no session, volumes of sessions and files of snapshots that the database does not know, old session images.
   * @param opts.dryRun only says what would go
   */
  reclaim(opts: { dryRun: boolean }): Promise<Reclaimed>;
}

const LISTED = 200;
/** The engine walks through all files for it. */
const SIZES_KEPT_MS = 60_000;

export function createStorage(deps: {
  db: Database;
  clock: Clock;
  driver: Pick<Driver, "measureVolumes">;
  disk: DiskGuard;
  garbage: GarbageCollection;
}): Storage {
  const { db, disk, garbage } = deps;
  const sizes = createSizes(deps);
  return {
    async summary(caller) {
      const { measuredAt, volumes, problem } = await sizes.read();
      const bytesOf = new Map(volumes.map((at) => [at.sessionId, at]));
      const snapshotBytesOf = snapshotBytes(db);
      const isAdmin = mayRun(caller);
      const rows = db.select().from(sessions).orderBy(desc(sessions.lastActivityAt)).all();
      const names = new Map(
        db
          .select({ id: users.id, name: users.name })
          .from(users)
          .all()
          .map(({ id, name }) => [id, name]),
      );
      const all = rows
        .filter(({ ownerId }) => isAdmin || ownerId === caller.userId)
        .map((row): StoredSession => ({
          id: row.id,
          title: mayAccess(caller, row, "read") ? row.title : null,
          owner: names.get(row.ownerId) ?? "",
          status: row.status,
          workspaceBytes: bytesOf.get(row.id)?.workspace ?? null,
          stateBytes: bytesOf.get(row.id)?.state ?? null,
          snapshotBytes: snapshotBytesOf.get(row.id) ?? 0,
          mayDelete: mayAccess(caller, row, "own"),
        }))
        .sort((a, b) => bytes(b) - bytes(a));
      return {
        disks: disk.disks(),
        highWaterPercent: disk.highWaterPercent,
        measuredAt,
        problem,
        sessions: all.slice(0, LISTED),
        more: Math.max(0, all.length - LISTED),
        totalBytes: all.reduce((sum, session) => sum + bytes(session), 0),
        mayReclaim: isAdmin,
      };
    },
    async reclaim({ dryRun }) {
      const { volumes } = await sizes.read();
      const {
        instances,
        volumes: gone,
        snapshots: copies,
        images,
      } = await (dryRun ? garbage.find("all") : garbage.collect("all"));
      const left = volumes.filter(({ sessionId }) => gone.includes(sessionId));
      if (!dryRun) sizes.forget();
      return {
        sessions: gone.length,
        containers: instances.length,
        snapshots: copies.length,
        images: images.length,
        bytes: [
          ...left.map(({ workspace, state }) => workspace + state),
          ...[...copies, ...images].map((at) => at.bytes),
        ].reduce((sum, more) => sum + more, 0),
      };
    },
  };
}

function bytes({ workspaceBytes, stateBytes, snapshotBytes }: StoredSession): number {
  return (workspaceBytes ?? 0) + (stateBytes ?? 0) + snapshotBytes;
}

/** By session. */
function snapshotBytes(db: Database): Map<string, number> {
  const { sessionId, bytes } = snapshots;
  const summed = db
    .select({ sessionId, bytes: sum(bytes).mapWith(Number) })
    .from(snapshots)
    .groupBy(sessionId)
    .all();
  return new Map(summed.map((row) => [row.sessionId, row.bytes ?? 0]));
}

interface Sizes {
  measuredAt: string | null;
  volumes: VolumeSizes[];
  problem: string | null;
}

/** Asked for once at a time, and kept for a while. */
function createSizes(deps: { clock: Clock; driver: Pick<Driver, "measureVolumes"> }) {
  let last: { at: number; sizes: Promise<Sizes> } | null = null;
  const measure = async (): Promise<Sizes> => {
    try {
      const volumes = await deps.driver.measureVolumes();
      return { measuredAt: isoNow(deps.clock), volumes, problem: null };
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      last = null;
      return { measuredAt: null, volumes: [], problem: error.message };
    }
  };
  return {
    read(): Promise<Sizes> {
      const now = deps.clock.monotonicNow();
      if (last === null || now - last.at > SIZES_KEPT_MS) last = { at: now, sizes: measure() };
      return last.sizes;
    },
    forget: () => void (last = null),
  };
}
