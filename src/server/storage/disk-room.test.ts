import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { diskRoom, isDiskLow } from "./disk-room";

const GIB = 1024 ** 3;

it.each([
  [2 * GIB, 40 * GIB, false],
  [0.9 * GIB, 40 * GIB, true],
  [0.9 * GIB, 4 * GIB, false],
  [0.3 * GIB, 4 * GIB, true],
])("of a disk, %d bytes free of %d: low is %s", (freeBytes, totalBytes, isLow) => {
  expect(isDiskLow({ freeBytes, totalBytes })).toBe(isLow);
});

it("is read of the file system that a directory is on", () => {
  const room = diskRoom(tmpdir());
  expect(room.freeBytes).toBeGreaterThan(0);
  expect(room.usedBytes + room.freeBytes).toBeLessThanOrEqual(room.totalBytes);
  expect(() => diskRoom("/nowhere")).toThrow("ENOENT");
});
