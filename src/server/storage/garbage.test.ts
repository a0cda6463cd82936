import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DriverError, type SessionImage } from "../../drivers/driver";
import { sessions, snapshots } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import type { StoredSnapshot } from "../snapshots/snapshot-files";
import { createCollector } from "./collector";
import { createGarbageCollection } from "./garbage";

const DAY_MS = 24 * 60 * 60_000;

/** Rows of a real database beside an engine that is a table. */
describe("garbage", () => {
  let t: TestDatabase;
  let instances: string[];
  let endpoints: string[];
  /** Sessions that have some. */
  let volumes: Set<string>;
  let images: SessionImage[];
  let stored: StoredSnapshot[];
  let hasNeighbours: boolean;
  let warned: unknown[];
  let inUse: string;
  let onVolumesListed: () => void;
  let onSnapshotsListed: () => void;

  beforeEach(() => {
    t = testDatabase();
    t.db.delete(sessions).run();
    hasNeighbours = false;
    warned = [];
    inUse = "";
    onVolumesListed = () => undefined;
    onSnapshotsListed = () => undefined;
    t.addSession("ses_runs", { instanceId: "ins_runs" });
    t.addSession("ses_starts", { status: "creating", instanceId: "ins_starts" });
    t.addSession("ses_stopped", { status: "stopped" });
    t.addSession("ses_failed", { status: "error", instanceId: "ins_failed" });
    instances = ["ins_runs", "ins_starts"];
    endpoints = ["ins_runs", "ins_starts"];
    volumes = new Set(["ses_runs", "ses_starts", "ses_stopped"]);
    images = [image("now", 30 * DAY_MS)];
    stored = [];
  });
  afterEach(() => t[Symbol.dispose]());

  const image = (name: string, ageMs: number): SessionImage => ({
    id: `sha256:${name}`,
    refs: [`openagent-session:${name}`],
    createdAt: new Date(t.clock.now() - ageMs).toISOString(),
    bytes: 1,
  });
  const without = (list: string[], id: string) => list.filter((at) => at !== id);
  const collection = (inForce: string | null = "openagent-session:now") =>
    createGarbageCollection({
      ...t,
      image: inForce,
      files: {
        async list() {
          const there = [...stored];
          onSnapshotsListed();
          return there;
        },
        remove: async ({ snapshotId }) => void (stored = stored.filter((at) => at.snapshotId !== snapshotId)),
      },
      logger: { info: () => undefined, warn: (line: unknown) => void warned.push(line) },
      driver: {
        list: async () => instances.map((instanceId) => ({ instanceId, sessionId: "ses_any" })),
        listEndpoints: async () => [...endpoints],
        async listVolumes() {
          const there = [...volumes];
          onVolumesListed();
          return there;
        },
        hasNeighbours: async () => hasNeighbours,
        listSessionImages: async () => [...images],
        async remove(id) {
          if (id === "ins_stuck") throw new DriverError("engine_error", "Docker refused.", "busy");
          instances = without(instances, id);
          endpoints = without(endpoints, id);
        },
        removeVolumes: async (id) => void volumes.delete(id),
        async removeImage({ id }) {
          if (id === inUse) return false;
          images = images.filter((at) => at.id !== id);
          return true;
        },
      },
    });
  const nothing = { instances: [], endpoints: [], volumes: [], snapshots: [], images: [] };
  const addSnapshot = (id: string) =>
    t.db
      .insert(snapshots)
      .values({
        id,
        sessionId: "ses_stopped",
        name: id,
        createdBy: t.userId,
        createdAt: "2026-11-29T00:00:00.000Z",
        state: "making",
      })
      .run();
  const onDisk = (snapshotId: string, sessionId = "ses_stopped") => ({ sessionId, snapshotId, bytes: 7 });

  it("is none of what sessions have, those that start, stopped or failed too", async () => {
    const before = { instances, endpoints, images, volumes: new Set(volumes) };
    expect(await collection().collect("ours")).toEqual(nothing);
    expect({ instances, endpoints, images, volumes }).toEqual(before);
  });

  it("is a container that one in line could not be rid of, and nothing else of that session", async () => {
    t.addSession("ses_waits", { status: "creating", queuePlace: 1, instanceId: "ins_left" });
    instances.push("ins_left");
    volumes.add("ses_waits");
    expect(await collection().collect("all")).toEqual({ ...nothing, instances: ["ins_left"] });
  });

  it("is what no session has: container and run directory; volumes when people ask", async () => {
    instances.push("ins_orphan");
    endpoints.push("ins_orphan", "ins_ended");
    volumes.add("ses_deleted");
    expect(await collection().collect("all")).toEqual({
      ...nothing,
      instances: ["ins_orphan"],
      endpoints: ["ins_ended"],
      volumes: ["ses_deleted"],
    });
    expect({ instances, endpoints }).toEqual({
      instances: ["ins_runs", "ins_starts"],
      endpoints: ["ins_runs", "ins_starts"],
    });
    expect(await collection().collect("all")).toEqual(nothing);
  });

  it("is not what a session gets while one looks: its row is read after its volumes", async () => {
    volumes.add("ses_new");
    onVolumesListed = () => t.addSession("ses_new", { status: "creating" });
    expect((await collection().collect("all")).volumes).toEqual([]);
    expect(volumes.has("ses_new")).toBe(true);
  });

  it("is no volume by itself: another database may know it, which this one is an older copy of", async () => {
    volumes.add("ses_of_tomorrow");
    expect((await collection().collect("ours")).volumes).toEqual([]);
    expect((await collection().find("all")).volumes).toEqual(["ses_of_tomorrow"]);
    expect(volumes.has("ses_of_tomorrow")).toBe(true);
  });

  it("is a snapshot that no row names, and only when people ask", async () => {
    addSnapshot("snp_kept");
    stored = [onDisk("snp_kept"), onDisk("snp_of_tomorrow"), onDisk("snp_gone", "ses_gone")];
    expect(await collection().collect("ours")).toEqual(nothing);
    expect(stored).toHaveLength(3);
    const found = [onDisk("snp_of_tomorrow"), onDisk("snp_gone", "ses_gone")];
    expect((await collection().collect("all")).snapshots).toEqual(found);
    // Its row is read after its files.
    stored.push(onDisk("snp_new"));
    onSnapshotsListed = () => addSnapshot("snp_new");
    expect(await collection().collect("all")).toEqual(nothing);
    expect(stored).toEqual([onDisk("snp_kept"), onDisk("snp_new")]);
  });

  it("is no image that a session runs on or would be started on again, stopped or not", async () => {
    images.push(image("ran", 9 * DAY_MS), image("ready", 9 * DAY_MS), image("old", 9 * DAY_MS));
    t.addSession("ses_rolled_back", {
      status: "stopped",
      image: "openagent-session:ran",
      readyImage: "openagent-session:ready",
    });
    const gone = await collection().collect("ours");
    expect(gone.images.map(({ id }) => id)).toEqual(["sha256:old"]);
  });

  it("is no image while none is known to be in force", async () => {
    images.push(image("old", 9 * DAY_MS));
    expect((await collection(null).find("all")).images).toEqual([]);
  });

  it("is an old image; not the one in force, nor a young one, nor one that a container has", async () => {
    images.push(image("old", 2 * DAY_MS), image("used", 2 * DAY_MS), image("young", DAY_MS / 2));
    inUse = "sha256:used";
    const gone = await collection().collect("ours");
    expect(gone.images.map(({ id }) => id)).toEqual(["sha256:old"]);
    expect(images.map(({ id }) => id)).toEqual(["sha256:now", "sha256:used", "sha256:young"]);
  });

  it("is no image where another installation is, which may start sessions from it", async () => {
    images.push(image("old", 2 * DAY_MS));
    hasNeighbours = true;
    expect((await collection().find("all")).images).toEqual([]);
  });

  it("that cannot be removed stays for the next time, and keeps nothing else", async () => {
    instances.push("ins_stuck", "ins_orphan");
    expect((await collection().collect("ours")).instances).toEqual(["ins_orphan"]);
    expect(warned).toMatchObject([{ thing: "ins_stuck" }]);
  });

  describe("is collected", () => {
    it("one pass at a time, again and again, whatever a pass came to, until the end", async () => {
      const passes: (() => void)[] = [];
      let under = 0;
      let most = 0;
      const garbage = {
        async collect() {
          most = Math.max(most, (under += 1));
          await new Promise<void>((resolve) => passes.push(resolve));
          under -= 1;
          throw new DriverError("engine_unreachable", "Docker does not answer.", "");
        },
      };
      const collector = createCollector({ garbage, logger: { warn: () => undefined }, everyMs: 1 });
      void collector.run();
      void collector.run();
      passes[0]?.();
      await vi.waitFor(() => expect(passes.length).toBe(2));
      const ended = collector.stop();
      passes[1]?.();
      await ended;
      await collector.run();
      expect({ most, passes: passes.length }).toEqual({ most: 1, passes: 2 });
    });
  });
});
