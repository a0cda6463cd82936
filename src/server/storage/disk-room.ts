import { statfsSync, statSync } from "node:fs";

/** How much of a file system is there, for programs without privileges. */
export interface DiskRoom {
  /** Number of the file system: two directories of one share what is free. */
  device: number;
  totalBytes: number;
  usedBytes: number;
  freeBytes: number;
}

const GIB = 1024 ** 3;

/** @throws the system's error where there is no such directory, or it is not for this user */
export function diskRoom(directory: string): DiskRoom {
  const { blocks, bfree, bavail, bsize } = statfsSync(directory);
  return {
    device: statSync(directory).dev,
    totalBytes: blocks * bsize,
    usedBytes: (blocks - bfree) * bsize,
    freeBytes: bavail * bsize,
  };
}

/** So little that somebody should look before events cannot be written: a GiB, whatever the disk's size. */
export function isDiskLow({ freeBytes, totalBytes }: Pick<DiskRoom, "freeBytes" | "totalBytes">): boolean {
  return freeBytes < Math.min(GIB, totalBytes / 10);
}
