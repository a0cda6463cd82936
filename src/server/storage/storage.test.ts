import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DriverError, type VolumeSizes } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { sessions, snapshots, users, type Role } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createStorage } from "./storage";

describe("storage", () => {
  let t: TestDatabase;
  let measured: number;
  let measure: () => Promise<VolumeSizes[]>;
  let collected: string[];

  beforeEach(() => {
    t = testDatabase();
    t.db.delete(sessions).run();
    measured = 0;
    collected = [];
    const at = new Date(t.clock.now()).toISOString();
    const bob = { id: "usr_bob", email: "b@example.test", name: "Bob", role: "member" as const };
    t.db
      .insert(users)
      .values({ ...bob, passwordHash: "-", createdAt: at })
      .run();
    t.addSession("ses_small", { ownerId: "usr_bob", title: "Small" });
    t.addSession("ses_large", { ownerId: "usr_bob", title: "Large" });
    t.addSession("ses_owners", { visibility: "team-read", title: "Owner's" });
    measure = async () => [
      { sessionId: "ses_small", workspace: 1, state: 2 },
      { sessionId: "ses_large", workspace: 30, state: 4 },
      { sessionId: "ses_gone", workspace: 500, state: 0 },
    ];
  });
  afterEach(() => t[Symbol.dispose]());

  const as = (userId: string, role: Role): Caller => {
    const via = { kind: "browser", loginSessionId: "lgn_1" } as const;
    return { userId, role, email: "", name: "", via };
  };
  const open = () => {
    const garbage = {
      instances: ["ins_1"],
      endpoints: [],
      volumes: ["ses_gone"],
      snapshots: [{ sessionId: "ses_gone", snapshotId: "snp_1", bytes: 30 }],
      images: [],
    };
    return createStorage({
      ...t,
      driver: {
        async measureVolumes() {
          measured += 1;
          return measure();
        },
      },
      disk: { highWaterPercent: 95, disks: () => [], requireRoom: () => undefined },
      garbage: {
        find: async () => garbage,
        async collect(which) {
          collected.push(which);
          return garbage;
        },
      },
    });
  };

  it("shows people their own sessions, the largest first, and what they may delete", async () => {
    const { sessions: listed, totalBytes, mayReclaim } = await open().summary(as("usr_bob", "member"));
    expect(listed).toMatchObject([
      { id: "ses_large", title: "Large", workspaceBytes: 30, stateBytes: 4, mayDelete: true },
      { id: "ses_small", title: "Small", workspaceBytes: 1, stateBytes: 2, mayDelete: true },
    ]);
    expect({ totalBytes, mayReclaim }).toEqual({ totalBytes: 37, mayReclaim: false });
  });

  it("counts the snapshots of a session with it", async () => {
    const made = {
      sessionId: "ses_small",
      name: "s",
      state: "ready" as const,
      createdBy: t.userId,
      createdAt: "2026",
    };
    t.db
      .insert(snapshots)
      .values([
        { ...made, id: "snp_1", bytes: 100 },
        { ...made, id: "snp_2", bytes: 20 },
        { ...made, id: "snp_3", state: "making" },
      ])
      .run();
    const { sessions: listed, totalBytes } = await open().summary(as("usr_bob", "member"));
    expect(listed.map(({ id, snapshotBytes }) => [id, snapshotBytes])).toEqual([
      ["ses_small", 120],
      ["ses_large", 0],
    ]);
    expect(totalBytes).toBe(157);
  });

  it("shows admins all of them, but neither the title of what is private nor a way to delete it", async () => {
    const { sessions: listed, mayReclaim } = await open().summary(as("usr_admin", "admin"));
    expect(listed).toMatchObject([
      { id: "ses_large", title: null, owner: "Bob", mayDelete: false },
      { id: "ses_small", title: null, mayDelete: false },
      { id: "ses_owners", title: "Owner's", workspaceBytes: null, mayDelete: false },
    ]);
    expect(mayReclaim).toBe(true);
  });

  it("asks the engine once for all who look, and again when it is a while ago", async () => {
    const storage = open();
    const look = () => storage.summary(as("usr_bob", "member"));
    await Promise.all([look(), look()]);
    t.clock.advance(59_000);
    await look();
    expect(measured).toBe(1);
    t.clock.advance(2_000);
    const { measuredAt } = await look();
    expect({ measured, measuredAt }).toEqual({
      measured: 2,
      measuredAt: new Date(t.clock.now()).toISOString(),
    });
  });

  it("says why sizes are not known, and asks again at the next look", async () => {
    const well = measure;
    measure = () =>
      Promise.reject(new DriverError("engine_unreachable", "Docker does not answer. Start it.", ""));
    const storage = open();
    const look = () => storage.summary(as("usr_bob", "member"));
    expect(await look()).toMatchObject({
      measuredAt: null,
      problem: "Docker does not answer. Start it.",
      totalBytes: 0,
    });
    measure = well;
    expect(await look()).toMatchObject({ problem: null, totalBytes: 37 });
  });

  it("says what it would give back and touches nothing; then gives it back", async () => {
    const storage = open();
    const answer = { sessions: 1, containers: 1, snapshots: 1, images: 0, bytes: 530 };
    expect(await storage.reclaim({ dryRun: true })).toEqual(answer);
    expect(collected).toEqual([]);
    expect(await storage.reclaim({ dryRun: false })).toEqual(answer);
    expect(collected).toEqual(["all"]);
  });
});
