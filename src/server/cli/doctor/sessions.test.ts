import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DriverError, type Driver } from "../../../drivers/driver";
import { sessions } from "../../db/schema";
import { testDatabase, type TestDatabase } from "../../db/testing";
import { lineOf } from "./finding";
import { examineContainers, examineVolumes } from "./sessions";

/** Rows of a real database beside an engine that is a table. */
describe("the doctor, of sessions and engine", () => {
  let t: TestDatabase;
  let volumes: string[];
  let containers: Map<string, { sessionId: string; isRunning: boolean }>;
  let looks: number;
  /** What happens before the second look. */
  let meanwhile: () => void;

  beforeEach(() => {
    t = testDatabase();
    t.db.delete(sessions).run();
    containers = new Map();
    looks = 0;
    meanwhile = () => undefined;
    t.addSession("ses_runs", { instanceId: "ins_runs" });
    t.addSession("ses_stopped", { status: "stopped" });
    t.addSession("ses_new", { status: "error", epoch: 0 });
    volumes = ["ses_runs", "ses_stopped"];
    containers.set("ins_runs", { sessionId: "ses_runs", isRunning: true });
  });
  afterEach(() => t[Symbol.dispose]());

  const look = () => {
    if ((looks += 1) === 2) meanwhile();
  };
  const driver: Pick<Driver, "list" | "listVolumes" | "inspect"> = {
    async list() {
      look();
      return [...containers].map(([instanceId, { sessionId }]) => ({ instanceId, sessionId }));
    },
    async listVolumes() {
      look();
      return [...volumes];
    },
    async inspect(instanceId) {
      const found = containers.get(instanceId);
      if (!found) return { kind: "gone" };
      const at = "2026-11-01T00:00:00.000Z";
      return found.isRunning
        ? { kind: "running", startedAt: at }
        : { kind: "exited", exitCode: 0, outOfMemory: false, finishedAt: at };
    },
  };
  const examined = async () => {
    const deps = { db: t.db, driver, againAfterMs: 1 };
    return [lineOf(await examineVolumes(deps)), lineOf(await examineContainers(deps))];
  };

  it("is content when each has what it should, and one that never started nothing", async () => {
    for (const line of await examined()) expect(line).toMatch(/^ok/);
    expect(looks).toBe(2);
  });

  it("says FAIL of volumes of a session that the database does not know", async () => {
    volumes.push("ses_gone");
    expect((await examined())[0]).toMatch(/^FAIL {2}volumes: .*ses_gone\..*Settings → Storage/);
  });

  it("says FAIL of a session whose files are gone", async () => {
    volumes = ["ses_runs"];
    expect((await examined())[0]).toMatch(/^FAIL .*files of ses_stopped are gone.*backup/);
  });

  it.each(["ses_stopped", "ses_gone"])(
    "says FAIL of a container that %s should not have",
    async (sessionId) => {
      containers.set("ins_orphan", { sessionId, isRunning: true });
      expect((await examined())[1]).toMatch(new RegExp(`^FAIL .*ins_orphan \\(${sessionId}\\).*npm run up`));
    },
  );

  it.each([
    ["has none", () => void containers.clear()],
    [
      "has one that ended",
      () => void containers.set("ins_runs", { sessionId: "ses_runs", isRunning: false }),
    ],
  ])("says FAIL of a session that should run and %s", async (_what, breakIt) => {
    breakIt();
    expect((await examined())[1]).toMatch(/^FAIL .*none runs for ses_runs.*Resume/);
  });

  it("does not believe one look alone: sessions end while it looks", async () => {
    volumes.push("ses_gone");
    meanwhile = () => void volumes.pop();
    expect(lineOf(await examineVolumes({ db: t.db, driver, againAfterMs: 1 }))).toMatch(/^ok/);
  });

  it("says FAIL, in the engine's words, when it cannot look", async () => {
    const away = async () => {
      throw new DriverError("engine_unreachable", "Docker does not answer. Start it.", "ECONNREFUSED");
    };
    const deps = { db: t.db, driver: { ...driver, list: away, listVolumes: away } };
    expect(lineOf(await examineVolumes(deps))).toBe("FAIL  volumes: Docker does not answer. Start it.");
    expect(lineOf(await examineContainers(deps))).toMatch(/^FAIL/);
  });
});
