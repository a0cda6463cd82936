/** What lies on the engine and in the data directory, and belongs to nothing: found by label, compared with the rows, removed. */
import type { SessionStatus } from "../../../sidecar/src/contract";
import type { Driver, SessionImage } from "../../drivers/driver";
import type { Clock } from "../clock";
import type { Database } from "../db/database";
import { sessions, snapshots } from "../db/schema";
import type { Logger } from "../log";
import { isRunning } from "../sessions/decisions";
import type { SnapshotFiles, StoredSnapshot } from "../snapshots/snapshot-files";

export interface Garbage {
  /** Containers that no running session names. */
  instances: string[];
  /** Run directories of instances that are gone. */
  endpoints: string[];
  /** Sessions that have volumes and no row. */
  volumes: string[];
  /** Files of snapshots that have no row. */
  snapshots: StoredSnapshot[];
  images: SessionImage[];
}

export interface GarbageCollection {
  /** @throws DriverError */
  find(which: Which): Promise<Garbage>;
  /** Finds and removes. @returns what is gone; what could not be removed is logged and tried again the next time */
  collect(which: Which): Promise<Garbage>;
}

/**
 * `ours`: no volumes and no snapshots, which hold people's work. Their rows outlive them, so none is left by a crash: one
 * without a row is of another database, such as the one that this is an older copy of. People alone ask for `all`.
 */
type Which = "ours" | "all";

type Engine = Pick<
  Driver,
  | "list"
  | "listVolumes"
  | "listEndpoints"
  | "hasNeighbours"
  | "listSessionImages"
  | "remove"
  | "removeVolumes"
  | "removeImage"
>;

/** An image that was built and not used yet is not old. */
const IMAGE_KEPT_MS = 24 * 60 * 60_000;

export function createGarbageCollection(deps: {
  db: Database;
  driver: Engine;
  files: Pick<SnapshotFiles, "list" | "remove">;
  clock: Clock;
  logger: Pick<Logger, "info" | "warn">;
  /** Full reference of the session image in force; null: none is known, and no image is a left-over then. */
  image: string | null;
}): GarbageCollection {
  const { db, driver, files, logger } = deps;
  const find = async (which: Which): Promise<Garbage> => {
    // Rows last: whatever is made for a session is made after its row says so.
    const mayRemoveImages = deps.image !== null && !(await driver.hasNeighbours());
    const images = mayRemoveImages ? await driver.listSessionImages() : [];
    const endpoints = await driver.listEndpoints();
    const volumes = which === "all" ? await driver.listVolumes() : [];
    const kept = which === "all" ? await files.list() : [];
    const there = await driver.list();
    const { id, instanceId, status, queuePlace, image, readyImage } = sessions;
    const rows = db.select({ id, instanceId, status, queuePlace, image, readyImage }).from(sessions).all();
    const snapshotRows = db.select({ id: snapshots.id }).from(snapshots).all();
    return garbageOf(
      { images, endpoints, volumes, snapshots: kept, instances: there.map((at) => at.instanceId) },
      { sessions: rows, snapshots: snapshotRows },
      { image: deps.image, now: deps.clock.now() },
    );
  };
  const removed = async <T>(things: readonly T[], remove: (thing: T) => Promise<unknown>): Promise<T[]> => {
    const gone: T[] = [];
    for (const thing of things) {
      try {
        if ((await remove(thing)) !== false) gone.push(thing);
      } catch (err) {
        logger.warn({ thing, err }, "a left-over could not be removed; it is tried again later");
      }
    }
    return gone;
  };
  return {
    find,
    async collect(which) {
      const found = await find(which);
      const gone: Garbage = {
        instances: await removed(found.instances, (id) => driver.remove(id, 0)),
        endpoints: await removed(found.endpoints, (id) => driver.remove(id, 0)),
        volumes: await removed(found.volumes, (id) => driver.removeVolumes(id)),
        snapshots: await removed(found.snapshots, (place) => files.remove(place)),
        images: await removed(found.images, (image) => driver.removeImage(image)),
      };
      if (Object.values(gone).some(({ length }: unknown[]) => length > 0))
        logger.info(gone, "left-overs removed");
      return gone;
    },
  };
}

interface Row {
  id: string;
  instanceId: string | null;
  status: SessionStatus;
  queuePlace: number | null;
  /** Of its last container, and of the last that became ready: what it is started on again where a newer one does not start. */
  image: string | null;
  readyImage: string | null;
}

/** @param there what the engine and the data directory hold of this installation */
function garbageOf(
  there: Garbage,
  { sessions: rows, snapshots: kept }: { sessions: readonly Row[]; snapshots: readonly { id: string }[] },
  { image, now }: { image: string | null; now: number },
): Garbage {
  const needed = new Set([image, ...rows.flatMap((row) => [row.image, row.readyImage])]);
  const known = new Set(rows.map(({ id }) => id));
  const keptIds = new Set(kept.map(({ id }) => id));
  const wanted = new Set(rows.filter(isRunning).map(({ instanceId }) => instanceId));
  // A stopped session may name a container that could not be removed yet: its directory goes with it, in order.
  const named = new Set([...rows.map(({ instanceId }) => instanceId), ...there.instances]);
  return {
    instances: there.instances.filter((id) => !wanted.has(id)),
    endpoints: there.endpoints.filter((id) => !named.has(id)),
    volumes: there.volumes.filter((id) => !known.has(id)),
    snapshots: there.snapshots.filter(({ snapshotId }) => !keptIds.has(snapshotId)),
    images: there.images.filter(
      ({ refs, createdAt }) =>
        !refs.some((ref) => needed.has(ref)) && now - Date.parse(createdAt) > IMAGE_KEPT_MS,
    ),
  };
}
