import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { createDiskGuard } from "./disk-guard";

const at = (device: number, used: number) => ({
  device,
  totalBytes: 110,
  usedBytes: used,
  // Ten are root's alone.
  freeBytes: 100 - used,
});

describe("the disk", () => {
  const guard = (
    disks: Record<string, ReturnType<typeof at>>,
    { engine = "/engine", mark = 95 }: { engine?: string | null; mark?: number } = {},
  ) =>
    createDiskGuard({
      dataDir: "/data",
      engineDirectory: () => engine,
      highWaterPercent: mark,
      measure(directory) {
        const found = disks[directory];
        if (!found) throw new Error("ENOENT");
        return found;
      },
    });

  it("takes new sessions below the mark, and at it says why not and what to do", () => {
    const same = (used: number) => guard({ "/data": at(1, used), "/engine": at(1, used) });
    expect(() => same(94).requireRoom()).not.toThrow();
    expect(() => same(95).requireRoom()).toThrow(
      expect.objectContaining({
        reason: "out_of_disk",
        message: expect.stringMatching(/sessions' files is 95 % full.*below 95 %.*Delete sessions/) as string,
      }),
    );
    expect(same(94).disks()).toEqual([
      { holds: ["database", "sessions"], freeBytes: 6, totalBytes: 110, usedPercent: 94 },
    ]);
  });

  it.each([
    ["the database's", { "/data": at(1, 99), "/engine": at(2, 1) }, /disk of the database is 99 %/],
    ["the engine's", { "/data": at(1, 1), "/engine": at(2, 99) }, /disk of the sessions' files is 99 %/],
  ])("that is full is named: %s", (_what, disks, sentence) => {
    expect(() => guard(disks).requireRoom()).toThrow(sentence);
    expect(guard(disks).disks()).toHaveLength(2);
  });

  it("of the engine may be unknown or out of sight: the database's counts", () => {
    expect(guard({ "/data": at(1, 50) }, { engine: null }).disks()).toHaveLength(1);
    expect(() => guard({ "/data": at(1, 50) }).requireRoom()).not.toThrow();
    expect(() => guard({ "/data": at(1, 96) }).requireRoom()).toThrow(/96 %/);
  });

  it("is measured as df does", () => {
    const real = { dataDir: tmpdir(), engineDirectory: () => tmpdir(), highWaterPercent: 95 };
    const [disk, other] = createDiskGuard(real).disks();
    expect(other).toBeUndefined();
    expect(disk?.usedPercent).toBeGreaterThan(0);
    expect(disk?.freeBytes).toBeLessThan(disk?.totalBytes ?? 0);
    expect(() => createDiskGuard({ ...real, highWaterPercent: 0 }).requireRoom()).toThrow(/full/);
  });
});
