import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkEngineDisk, diskOf, diskProblems, GIB } from "./disk-space.mjs";

const disk = {
  what: "The checkout",
  directory: "/srv/openagent",
  device: 1,
  freeBytes: 1.5 * GIB,
  neededBytes: 2 * GIB,
  next: "Free some there.",
};

describe("diskProblems", () => {
  it("says which directory lacks how much, and what to do", () => {
    expect(diskProblems([disk])).toEqual([
      "The checkout /srv/openagent lacks 0.5 GiB of free disk: 2.0 GiB are needed there, 1.5 GiB are free. Free some there.",
    ]);
    expect(diskProblems([{ ...disk, freeBytes: 2 * GIB }])).toEqual([]);
  });

  it("names each file system once, by the first directory that lacks room on it", () => {
    const data = { ...disk, what: "The data directory", directory: "/srv/data" };
    expect(diskProblems([disk, data])).toHaveLength(1);
    expect(diskProblems([disk, { ...data, device: 2 }])).toHaveLength(2);
    expect(diskProblems([{ ...disk, neededBytes: 0 }, data])[0]).toMatch(/^The data directory/);
  });
});

describe("diskOf", () => {
  it("looks at the file system that a directory is on", () => {
    expect(diskOf(tmpdir()).freeBytes).toBeGreaterThan(0);
    // A file system that has no room by its nature.
    expect(diskOf("/proc").freeBytes).toBe(0);
  });
});

describe("checkEngineDisk", () => {
  let dir: string;
  let engine: Server;
  const info = { DockerRootDir: "/proc" };
  const images: unknown[] = [];
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "oa-engine-"));
    engine = createServer((request, response) => {
      const isImages = request.url?.startsWith("/images/json?") === true;
      response.end(JSON.stringify(isImages ? images : request.url === "/info" ? info : null));
    });
    await new Promise<void>((resolve) => engine.listen(join(dir, "engine.sock"), resolve));
  });
  afterEach(async () => {
    await new Promise((resolve) => engine.close(resolve));
    rmSync(dir, { recursive: true });
  });
  const check = () => checkEngineDisk(join(dir, "engine.sock"));

  it("refuses an engine whose directory has no room for the image", async () => {
    info.DockerRootDir = "/proc";
    await expect(check()).rejects.toThrow(/^Docker's directory \/proc lacks 1\.5 GiB .*docker system df/);
  });

  it("asks for less where an image is there already", async () => {
    info.DockerRootDir = "/proc";
    images.push({});
    await expect(check()).rejects.toThrow(/lacks 0\.5 GiB/);
    images.pop();
  });

  it("takes one with room, and one whose directory this user cannot see", async () => {
    info.DockerRootDir = tmpdir();
    await expect(check()).resolves.toBeUndefined();
    info.DockerRootDir = join(dir, "missing");
    await expect(check()).resolves.toBeUndefined();
  });
});
