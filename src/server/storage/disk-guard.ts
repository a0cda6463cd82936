import { AppError } from "../errors";
import { diskRoom, type DiskRoom } from "./disk-room";

/** A file system that the installation writes to. */
export interface Disk {
  holds: ("database" | "sessions")[];
  freeBytes: number;
  totalBytes: number;
  /** Of what programs without privileges may use, as `df` says it. */
  usedPercent: number;
}

/** Keeps room for the sessions that there are: new ones begin only below the high-water mark. */
export interface DiskGuard {
  readonly highWaterPercent: number;
  disks(): Disk[];
  /** @throws AppError `out_of_disk` */
  requireRoom(): void;
}

/**
 * @param deps.engineDirectory where the engine keeps volumes; null while it is not known
 * @param deps.measure for tests
 */
export function createDiskGuard(deps: {
  dataDir: string;
  engineDirectory: () => string | null;
  highWaterPercent: number;
  measure?: (directory: string) => DiskRoom;
}): DiskGuard {
  const { highWaterPercent, measure = diskRoom } = deps;
  const disks = (): Disk[] => {
    const data = measure(deps.dataDir);
    const directory = deps.engineDirectory();
    const engine = directory === null ? null : tried(() => measure(directory));
    if (engine?.device === data.device) return [diskOf(data, ["database", "sessions"])];
    return [diskOf(data, ["database"]), ...(engine === null ? [] : [diskOf(engine, ["sessions"])])];
  };
  return {
    highWaterPercent,
    disks,
    requireRoom() {
      const full = disks().find(({ usedPercent }) => usedPercent >= highWaterPercent);
      if (full === undefined) return;
      const what = full.holds.includes("sessions") ? "the sessions' files" : "the database";
      throw new AppError(
        "SERVICE_UNAVAILABLE",
        "out_of_disk",
        `The disk of ${what} is ${Math.floor(full.usedPercent)} % full; new sessions begin below ${highWaterPercent} %. Delete sessions that nobody needs under Settings → Storage, or have OPENAGENT_DISK_HIGH_WATER raised.`,
      );
    },
  };
}

function diskOf({ totalBytes, usedBytes, freeBytes }: DiskRoom, holds: Disk["holds"]): Disk {
  const usable = usedBytes + freeBytes;
  return { holds, freeBytes, totalBytes, usedPercent: usable === 0 ? 0 : (usedBytes / usable) * 100 };
}

function tried<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null; // The engine's directory is not for this user to look at, or lies elsewhere.
  }
}
