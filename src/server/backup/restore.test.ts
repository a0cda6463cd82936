import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { eq } from "drizzle-orm";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Driver, DriverError, type VolumeKind } from "../../drivers/driver";
import { systemClock } from "../clock";
import { openDatabase, type Database } from "../db/database";
import { setInstallationValue } from "../db/installation-value";
import { apiTokens, events, loginSessions, registrations, sessions, users } from "../db/schema";
import { createEventLog } from "../events/event-log";
import { loadMasterKey } from "../keys/load-master-key";
import { newMasterKey } from "../keys/master-key";
import { MIGRATIONS_DIR } from "../project";
import { takeCopyLock } from "./copy-lock";
import { makeBackup } from "./make-backup";
import { restoreBackup, type RestoreTarget } from "./restore";

const PASSPHRASE = "five words picked by chance";
const ONE = "ses_0123456789abcdef";
const TWO = "ses_fedcba9876543210";
const AT = "2026-11-28T00:00:00.000Z";

/** An engine that holds volumes in memory, and says what was done with it. */
function engine(files: Record<string, string> = {}) {
  const volumes = new Map<string, string>(Object.entries(files));
  const state = { volumes, failImport: false, removed: [] as string[], whileCopying: (): void => undefined };
  const tarOf = async (kind: VolumeKind, content: string) => {
    const tar = pack();
    tar.entry({ name: kind, type: "directory", mode: 0o755 });
    tar.entry({ name: `${kind}/file`, mode: 0o644 }, content);
    tar.finalize();
    return Readable.from([await buffer(Readable.from(tar as AsyncIterable<Buffer>))]);
  };
  const driver = {
    listVolumes: async () => [...volumes.keys()],
    list: async () => [{ instanceId: "ins_0000000000000000", sessionId: ONE }],
    remove: async (instanceId: string) => void state.removed.push(instanceId),
    recoverCopies: async () => [],
    whilePaused: async <T>(_id: string, work: () => Promise<T>) => {
      state.whileCopying();
      return work();
    },
    async exportVolumes(id: string, take: (kind: VolumeKind, tar: Readable) => Promise<void>) {
      const content = volumes.get(id);
      if (content === undefined) throw new DriverError("instance_gone", "There is none.", id);
      for (const kind of ["state", "workspace"] as const) await take(kind, await tarOf(kind, content));
    },
    async importVolumes(id: string, tar: Readable) {
      const bytes = await buffer(tar);
      volumes.set(id, createHash("sha256").update(bytes).digest("hex"));
      if (state.failImport) throw new DriverError("out_of_disk", "The disk is full.", "ENOSPC");
    },
    removeVolumes: async (id: string) => void volumes.delete(id),
  };
  return { state, driver: driver as unknown as Driver };
}

describe("an installation", () => {
  let work: string;
  let db: Database;
  let close: () => void;
  let file: string;
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), "oa-restore-"));
    file = join(work, "it.tar.age");
    mkdirSync(join(work, "one"));
    ({ db, close } = openDatabase({
      dataDir: join(work, "one"),
      migrationsDir: MIGRATIONS_DIR,
      lock: false,
    }));
    loadMasterKey({ file: join(work, "one/master.key"), db });
    setInstallationValue(db, "claimedAt", AT);
    db.insert(users)
      .values({
        id: "usr_1",
        email: "a@example.test",
        name: "A",
        role: "owner",
        passwordHash: "x",
        createdAt: AT,
      })
      .run();
    for (const id of [ONE, TWO]) insertSession(id);
  });
  afterEach(() => {
    close();
    rmSync(work, { recursive: true, force: true });
  });

  function insertSession(id: string): void {
    db.insert(sessions)
      .values({
        id,
        ownerId: "usr_1",
        title: id,
        status: "idle",
        agentState: "awake",
        model: { providerId: "demo", modelId: "demo-1" },
        agent: "build",
        permissionMode: "ask",
        visibility: "private",
        epoch: 3,
        heldEpoch: 0,
        heldN: 0,
        lastSeq: 0,
        instanceId: "ins_0000000000000000",
        instanceSecrets: "sealed",
        createdAt: AT,
        lastActivityAt: AT,
      })
      .run();
  }
  const say = (id: string) => {
    const log = createEventLog({ db, clock: systemClock });
    log.transaction((tx) =>
      tx.append(id, {
        type: "session.status",
        data: { status: "idle", step: null, reason: null, agentState: "awake" },
      }),
    );
  };
  const backup = (driver: Driver, to = file) =>
    makeBackup(
      { dataDir: join(work, "one"), driver, version: "0.1.0" },
      { file: to, passphrase: PASSPHRASE },
    );
  const target = (driver: Driver, changes: Partial<RestoreTarget> = {}): RestoreTarget => ({
    dataDir: join(work, "two"),
    masterKeyFile: join(work, "one/master.key"),
    migrationsDir: MIGRATIONS_DIR,
    migrations: 1000,
    version: "0.1.0",
    driver,
    ...changes,
  });
  const restore = (to: RestoreTarget, more: { passphrase?: string; replace?: { savedTo: string } } = {}) =>
    restoreBackup(to, { file, passphrase: PASSPHRASE, ...more });
  const opened = <T>(dataDir: string, look: (db: Database) => T): T => {
    const other = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR, lock: false });
    try {
      return look(other.db);
    } finally {
      other.close();
    }
  };

  it("comes back stopped; what it shared with containers, browsers and scripts is dead", async () => {
    db.insert(registrations)
      .values({ tokenHash: "h", sessionId: ONE, instanceId: "ins_0", expiresAt: AT })
      .run();
    db.insert(loginSessions)
      .values({ id: "l", userId: "usr_1", createdAt: AT, expiresAt: "2999-01-01T00:00:00Z", userAgent: "" })
      .run();
    db.insert(apiTokens).values({ id: "t", userId: "usr_1", name: "n", tokenHash: "h", createdAt: AT }).run();
    say(ONE);
    const made = await backup(engine({ [ONE]: "one", [TWO]: "two" }).driver);
    expect(made).toMatchObject({ leftOut: [], withoutFiles: [] });
    expect(made.sessions.sort()).toEqual([ONE, TWO].sort());
    const there = engine();
    expect((await restore(target(there.driver))).sessions.sort()).toEqual([ONE, TWO].sort());
    expect([...there.state.volumes.keys()].sort()).toEqual([ONE, TWO].sort());
    opened(join(work, "two"), (restored) => {
      for (const row of restored.select().from(sessions).all())
        expect(row).toMatchObject({ status: "stopped", instanceId: null, instanceSecrets: null, epoch: 3 });
      expect(restored.select().from(registrations).all()).toEqual([]);
      expect(restored.select().from(loginSessions).all()[0]?.revokedAt).not.toBeNull();
      expect(restored.select().from(apiTokens).all()[0]?.revokedAt).not.toBeNull();
      expect(restored.select().from(users).all()[0]?.epoch).toBe(1);
      const log = restored.select().from(events).where(eq(events.sessionId, ONE)).all();
      expect(log.map(({ seq }) => seq)).toEqual([1, 2]);
      expect(loadMasterKey({ file: join(work, "one/master.key"), db: restored }).bytes).toHaveLength(32);
    });
    expect(readdirSync(join(work, "two")).filter((name) => /^restore-|\.part$/.test(name))).toEqual([]);
  });

  it("has each session's rows of the moment of its files, though the log goes on meanwhile", async () => {
    const { state, driver } = engine({ [ONE]: "one", [TWO]: "two" });
    let copied = 0;
    state.whileCopying = () => {
      copied += 1;
      say(ONE);
      say(TWO);
      if (copied === 1) db.update(sessions).set({ title: "renamed" }).where(eq(sessions.id, ONE)).run();
    };
    await backup(driver);
    say(ONE);
    await restore(target(engine().driver));
    opened(join(work, "two"), (restored) => {
      const seqsOf = (id: string) =>
        restored
          .select()
          .from(events)
          .where(eq(events.sessionId, id))
          .all()
          .map(({ seq }) => seq);
      // The first was copied after one event, the other after two; each was stopped by the restore.
      expect([seqsOf(ONE).length, seqsOf(TWO).length].sort()).toEqual([2, 3]);
      for (const { id, lastSeq, title } of restored.select().from(sessions).all()) {
        expect(seqsOf(id)).toEqual(Array.from({ length: lastSeq }, (_, index) => index + 1));
        if (id === ONE) expect(title).toBe("renamed");
      }
    });
  });

  it("lacks a session that was removed while it was copied, and has the chat of one without files", async () => {
    const { state, driver } = engine({ [ONE]: "one" });
    state.whileCopying = () => void db.delete(sessions).where(eq(sessions.id, ONE)).run();
    const made = await backup(driver);
    expect(made).toMatchObject({ sessions: [], withoutFiles: [TWO] });
    await restore(target(engine().driver));
    opened(join(work, "two"), (restored) =>
      expect(
        restored
          .select()
          .from(sessions)
          .all()
          .map(({ id }) => id),
      ).toEqual([TWO]),
    );
  });

  it("is not backed up under a short passphrase, without its volumes, or twice at a time", async () => {
    const { driver } = engine({ [ONE]: "one" });
    const source = { dataDir: join(work, "one"), driver, version: "0.1.0" };
    await expect(makeBackup(source, { file, passphrase: "short" })).rejects.toMatchObject({
      code: "weak_passphrase",
    });
    await expect(backup(engine().driver)).rejects.toMatchObject({ code: "no_volumes" });
    const lock = takeCopyLock(source.dataDir);
    await expect(backup(driver)).rejects.toMatchObject({ code: "in_use" });
    lock.release();
    await expect(
      makeBackup({ ...source, dataDir: join(work, "none") }, { file, passphrase: PASSPHRASE }),
    ).rejects.toMatchObject({ code: "bad_file" });
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(source.dataDir).filter((name) => name.startsWith("backup-"))).toEqual([]);
  });

  describe("is not restored, and nothing is written,", () => {
    beforeEach(async () => void (await backup(engine({ [ONE]: "one", [TWO]: "two" }).driver)));

    async function refused(
      code: string,
      to: RestoreTarget,
      more: { passphrase?: string } = {},
    ): Promise<void> {
      const before = existsSync(to.dataDir) ? readdirSync(to.dataDir) : null;
      const volumes = await to.driver.listVolumes();
      await expect(restore(to, more)).rejects.toMatchObject({ code });
      const made = (existsSync(to.dataDir) ? readdirSync(to.dataDir) : []).filter(
        (name) => !/\.lock/.test(name),
      );
      expect(made).toEqual(before ?? []);
      expect(await to.driver.listVolumes()).toEqual(volumes);
    }

    it("with another master key, or none", async () => {
      const other = join(work, "other.key");
      writeFileSync(other, `${newMasterKey().bytes.toString("base64")}\n`, { mode: 0o600 });
      await refused("wrong_master_key", target(engine().driver, { masterKeyFile: other }));
      await refused("wrong_master_key", target(engine().driver, { masterKeyFile: join(work, "none.key") }));
    });

    it("with another passphrase", () =>
      refused("wrong_passphrase", target(engine().driver), { passphrase: "another one altogether" }));

    it("by a version that does not know its tables", () =>
      refused("other_version", target(engine().driver, { migrations: 1 })));

    it("when it was cut or changed", async () => {
      const whole = readFileSync(file);
      writeFileSync(file, whole.subarray(0, -1));
      await refused("damaged", target(engine().driver));
      const changed = Buffer.from(whole);
      changed[whole.length - 40] = (changed[whole.length - 40] ?? 0) ^ 1;
      writeFileSync(file, changed);
      await refused("damaged", target(engine().driver));
    });

    it("over sessions' files that are there, or another installation", async () => {
      await refused("not_empty", target(engine({ [TWO]: "theirs" }).driver));
      await expect(restore(target(engine().driver, { dataDir: join(work, "one") }))).rejects.toMatchObject({
        code: "not_empty",
      });
      expect(db.select().from(sessions).all()).toHaveLength(2);
    });

    it("by half: when the engine fails, its volumes go again", async () => {
      const { state, driver } = engine();
      state.failImport = true;
      await refused("out_of_disk", target(driver));
    });

    it("while a server runs", async () => {
      const server = openDatabase({ dataDir: work, migrationsDir: MIGRATIONS_DIR });
      await expect(restore(target(engine().driver, { dataDir: work }))).rejects.toThrow(/npm run down/);
      server.close();
    });
  });

  it("takes the place of another when asked to, which is saved first", async () => {
    await backup(engine({ [ONE]: "one", [TWO]: "two" }).driver);
    await restore(target(engine().driver));
    opened(join(work, "two"), (restored) => restored.update(sessions).set({ title: "later" }).run());
    const { state, driver } = engine({ [ONE]: "later one", [TWO]: "later two" });
    const savedTo = join(work, "two/replaced.tar.age");
    await restore(target(driver), { replace: { savedTo } });
    expect(state.removed).toEqual(["ins_0000000000000000"]);
    const titles = () =>
      opened(join(work, "two"), (there) =>
        there
          .select()
          .from(sessions)
          .all()
          .map(({ title }) => title),
      );
    expect(titles().sort()).toEqual([ONE, TWO].sort());
    file = savedTo;
    await restore(target(driver), { replace: { savedTo: join(work, "two/again.tar.age") } });
    expect(titles()).toEqual(["later", "later"]);
  });
});
