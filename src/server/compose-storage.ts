import type { Driver } from "../drivers/driver";
import type { Clock } from "./clock";
import type { Database } from "./db/database";
import type { Logger } from "./log";
import { createSnapshotFiles } from "./snapshots/snapshot-files";
import { type Collector, createCollector } from "./storage/collector";
import { createDiskGuard, type DiskGuard } from "./storage/disk-guard";
import { createGarbageCollection } from "./storage/garbage";
import { createStorage, type Storage } from "./storage/storage";

export interface StorageServices {
  storage: Storage;
  disk: DiskGuard;
  collector: Collector;
}

/** What sessions leave on the disk: how much, how full it is, and what nobody needs. */
export function composeStorage(deps: {
  db: Database;
  clock: Clock;
  logger: Logger;
  driver: Driver;
  dataDir: string;
  /** Full reference of the session image; null: none is known. */
  image: string | null;
  highWaterPercent: number;
}): StorageServices {
  const { driver, logger } = deps;
  const disk = createDiskGuard({ ...deps, engineDirectory: createEngineDirectory(driver) });
  const garbage = createGarbageCollection({ ...deps, files: createSnapshotFiles(deps.dataDir) });
  return {
    disk,
    storage: createStorage({ ...deps, disk, garbage }),
    collector: createCollector({ garbage, logger }),
  };
}

/** Known once the engine has answered; asked for until it does. */
function createEngineDirectory(driver: Pick<Driver, "ping">): () => string | null {
  let directory: string | null = null;
  let isAsking = false;
  const ask = async () => {
    isAsking = true;
    try {
      directory = (await driver.ping()).dataDirectory;
    } catch {
      // An engine that is away is told of by /readyz; nothing can be made on it either.
    }
    isAsking = false;
  };
  const answer = () => {
    if (directory === null && !isAsking) void ask();
    return directory;
  };
  answer();
  return answer;
}
