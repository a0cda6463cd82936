import { existsSync } from "node:fs";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DriverError, VOLUME_KINDS, type VolumeKind } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { takeCopyLock } from "../backup/copy-lock";
import { tarEntries } from "../backup/tar-entries";
import { prompts, type Replacing, sessions, snapshots, users } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { AppError } from "../errors";
import { createEventLog, type EventLog } from "../events/event-log";
import { createKeyedMutex } from "../sessions/keyed-mutex";
import type { PutAside } from "../sessions/lifecycle";
import { SESSION_LIMITS } from "../sessions/limits";
import { getSession, setStatus } from "../sessions/session-store";
import { createSnapshotFiles } from "./snapshot-files";
import { createSnapshots, type Snapshots } from "./snapshots";

type Files = Record<string, string>;
/** What every restore leaves of terminals. */
const EMPTY: Files = { "state/spool/terminals.json": "[]" };

/** The engine's volumes in memory, and a lifecycle that stops nothing, as nothing runs. */
describe("snapshots", () => {
  let t: TestDatabase;
  let log: EventLog;
  let service: Snapshots;
  let owner: Caller;
  let volumes: Map<string, Files>;
  /** Imports that fail, the next one first. */
  let failing: boolean[];
  let isDiskFull: boolean;

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    volumes = new Map([[t.sessionId, { "state/spool/1": "events", "workspace/file": "one", ...EMPTY }]]);
    failing = [];
    isDiskFull = false;
    owner = person(t.userId);
    service = start();
  });
  afterEach(async () => {
    await service.stop();
    t[Symbol.dispose]();
  });

  const person = (userId: string, role: Caller["role"] = "member"): Caller => ({
    ...{ userId, email: "p@example.test", name: "P", role },
    via: { kind: "token", tokenId: "tok_1", scopes: null },
  });
  const addPerson = (id: string) =>
    t.db
      .insert(users)
      .values({
        id,
        email: `${id}@example.test`,
        name: id,
        role: "member",
        passwordHash: "-",
        createdAt: "2026-11-01",
      })
      .run();
  const start = () => {
    const made = createSnapshots({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      files: createSnapshotFiles(t.dataDir),
      driver: {
        whilePaused: (_id, work) => work(),
        async exportVolumes(id, take) {
          const files = volumes.get(id);
          if (!files) throw new DriverError("instance_gone", "The volumes are not on this engine.", id);
          for (const kind of VOLUME_KINDS) await take(kind, tarOf(files, kind));
        },
        async removeVolumes(id) {
          volumes.delete(id);
        },
        async importVolumes(id, tar) {
          const files = { ...volumes.get(id) };
          for await (const { header, body } of tarEntries(tar as AsyncIterable<Buffer>))
            files[header.name] = await text(Readable.from(body));
          if (failing.shift()) throw new DriverError("out_of_disk", "The engine's disk is full.", "no space");
          volumes.set(id, files);
        },
      },
      lifecycle: { putAside },
      mutex: createKeyedMutex(),
      requireDisk() {
        if (isDiskFull) throw new AppError("SERVICE_UNAVAILABLE", "out_of_disk", "Full. Delete something.");
      },
    });
    made.start();
    made.takeUp();
    return made;
  };
  const putAside = async (id: string, opts: PutAside) => {
    opts.check(getSession(t.db, id));
    log.transaction((tx) => setStatus(tx, id, { status: "stopped", reason: opts.reason }));
    opts.onStopped();
    const { failure, tell } = await opts.work();
    log.transaction((tx) => {
      tell(tx);
      setStatus(tx, id, { status: "stopped", reason: failure });
    });
  };
  const list = () => service.list(owner, t.sessionId);
  const take = async (name?: string) => {
    const { id } = service.create(owner, { sessionId: t.sessionId, name });
    await vi.waitFor(() => expect(list().find((each) => each.id === id)?.state).not.toBe("making"));
    return id;
  };
  const settled = (id = t.sessionId) =>
    vi.waitFor(() => {
      const { reason } = getSession(t.db, id);
      expect(["restoring", "copying"]).not.toContain(reason?.code);
      return reason;
    });
  const isWhole = () => getSession(t.db, t.sessionId).replacing === null;
  const cutShort = (replacing: Replacing) =>
    t.db
      .update(sessions)
      .set({ status: "stopped", reason: { code: "restoring", message: "…" }, replacing })
      .run();
  const fileOf = (snapshotId: string, kind: VolumeKind) =>
    join(t.dataDir, "snapshots", t.sessionId, snapshotId, `${kind}.tar.gz`);
  const append = (n: number) =>
    log.transaction((tx) => {
      for (let at = 0; at < n; at += 1)
        tx.append(t.sessionId, { type: "turn.reverted", data: { messageId: `msg_${at}` } });
    });

  it("hold the files and where the log stood, and say how large they are", async () => {
    append(3);
    const id = await take("before the change");
    const [snapshot] = list();
    expect(snapshot).toMatchObject({ id, name: "before the change", state: "ready", lastSeq: 3 });
    expect(snapshot?.bytes).toBeGreaterThan(50);
    const directory = join(t.dataDir, "snapshots", t.sessionId, id);
    expect((await readdir(directory)).sort()).toEqual(["state.tar.gz", "workspace.tar.gz"]);
  });

  it("come back in place: what there was is kept, and the log says where it went back to", async () => {
    append(2);
    const id = await take("one");
    volumes.set(t.sessionId, { "state/spool/1": "more", "workspace/file": "two", "workspace/new": "new" });
    append(4);
    await service.restore(owner, { id, as: "in-place" });
    expect(await settled()).toBeNull();
    expect(volumes.get(t.sessionId)).toEqual({
      "state/spool/1": "events",
      "workspace/file": "one",
      ...EMPTY,
    });
    expect(log.read(t.sessionId, 6)).toContainEqual(
      expect.objectContaining({
        type: "session.restored",
        data: expect.objectContaining({ snapshotId: id, seq: 2 }) as unknown,
      }),
    );
    const before = list().find(({ name }) => name === "Before the restore of one");
    await service.restore(owner, { id: before?.id ?? "", as: "in-place" });
    expect(await settled()).toBeNull();
    expect(volumes.get(t.sessionId)).toMatchObject({ "workspace/file": "two", "workspace/new": "new" });
  });

  it("leave out the terminals of a container that has ended", async () => {
    volumes.set(t.sessionId, { "state/spool/terminals.json": "[{}]", "workspace/file": "one" });
    const id = await take();
    await service.restore(owner, { id, as: "in-place" });
    await settled();
    expect(volumes.get(t.sessionId)).toEqual({ "workspace/file": "one", ...EMPTY });
  });

  it("become a session of the caller's own, with the log up to there and nothing in line", async () => {
    addPerson("usr_bob");
    t.db.update(sessions).set({ visibility: "team-write", title: "Work" }).run();
    const queued = (promptId: string) => ({
      type: "prompt.queued" as const,
      data: { promptId, text: "hi", kind: "prompt" as const, by: t.userId },
    });
    log.transaction((tx) => {
      tx.append(t.sessionId, queued("prm_1"));
      tx.append(t.sessionId, { type: "prompt.started", data: { promptId: "prm_1" } });
      tx.append(t.sessionId, queued("prm_2"));
    });
    const id = await take("one");
    append(5);
    const copy = await service.restore(person("usr_bob"), { id, as: "new-session" });
    expect(copy).toMatchObject({ title: "Work (copy)", owner: { id: "usr_bob" }, visibility: "private" });
    expect(await settled(copy.id)).toBeNull();
    expect(volumes.get(copy.id)).toEqual(volumes.get(t.sessionId));
    expect(getSession(t.db, copy.id)).toMatchObject({ conversationOf: t.sessionId, instanceId: null });
    const events = log.read(copy.id, 0);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
    expect(events.slice(0, 3)).toEqual(log.read(t.sessionId, 0, 3));
    expect(events.filter(({ type }) => type === "prompt.cancelled")).toMatchObject([
      { data: { promptId: "prm_2" } },
    ]);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "session.restored",
        data: expect.objectContaining({ from: { sessionId: t.sessionId, title: "Work" } }) as unknown,
      }),
    );
    const next = service.create(person("usr_bob"), { sessionId: copy.id });
    await vi.waitFor(() =>
      expect(service.list(person("usr_bob"), copy.id)[0]).toMatchObject({ id: next.id, state: "ready" }),
    );
    const second = await service.restore(person("usr_bob"), { id: next.id, as: "new-session" });
    expect(getSession(t.db, second.id).conversationOf).toBe(t.sessionId);
    await settled(second.id);
  });

  it("do not touch what is there when they are damaged", async () => {
    const id = await take();
    await truncate(join(t.dataDir, "snapshots", t.sessionId, id, "state.tar.gz"), 30);
    await service.restore(owner, { id, as: "in-place" });
    expect(await settled()).toMatchObject({
      code: "not_restored",
      message: expect.stringContaining("damaged") as string,
    });
    expect(volumes.get(t.sessionId)).toMatchObject({ "workspace/file": "one" });
    expect(list()).toHaveLength(1);
  });

  it("give back what there was when their files cannot be written to the end", async () => {
    const id = await take();
    volumes.set(t.sessionId, { "workspace/file": "two" });
    failing = [false, true];
    await service.restore(owner, { id, as: "in-place" });
    expect(await settled()).toMatchObject({
      code: "not_restored",
      message: expect.stringContaining("disk is full") as string,
    });
    expect(volumes.get(t.sessionId)).toEqual({ "workspace/file": "two", ...EMPTY });
    expect(isWhole()).toBe(true);
  });

  it("leave a session that nothing runs on when not even that can be written, until a restore succeeds", async () => {
    const [id, other] = [await take("one"), await take("other")];
    failing = [true, true];
    await service.restore(owner, { id, as: "in-place" });
    expect(await settled()).toMatchObject({ code: "restore_failed" });
    expect(isWhole()).toBe(false);
    expect(() => service.create(owner, { sessionId: t.sessionId })).toThrow(
      expect.objectContaining({ reason: "damaged" }),
    );
    // A damaged one leads nowhere, but to what there was at first.
    failing = [true];
    await truncate(fileOf(other, "workspace"), 30);
    await service.restore(owner, { id: other, as: "in-place" });
    expect(await settled()).toMatchObject({ code: "restore_failed" });
    expect(isWhole()).toBe(false);
    await service.restore(owner, { id, as: "in-place" });
    await vi.waitFor(() => expect(isWhole()).toBe(true));
    expect(volumes.get(t.sessionId)).toMatchObject({ "workspace/file": "one" });
    expect(list().map(({ name }) => name)).toEqual(
      expect.arrayContaining(["one", "other", "Before the restore of one"]),
    );
    expect(list()).toHaveLength(3);
  });

  it("that a server was at when it ended are restored to the end, and made ones are said to have failed", async () => {
    const id = await take("one");
    volumes.set(t.sessionId, { "workspace/file": "two" });
    const saved = await take("two");
    await service.stop();
    volumes.delete(t.sessionId);
    cutShort({ kind: "restoring", snapshotId: id, savedId: saved });
    t.db
      .insert(snapshots)
      .values({
        ...{ id: "snp_half", sessionId: t.sessionId, name: "half", state: "making" as const },
        ...{ createdBy: t.userId, createdAt: "2026-11-02" },
      })
      .run();
    service = start();
    await vi.waitFor(() => expect(isWhole()).toBe(true));
    expect(volumes.get(t.sessionId)).toMatchObject({ "state/spool/1": "events", "workspace/file": "one" });
    expect(list().find((each) => each.id === "snp_half")).toMatchObject({ state: "failed" });
    // What was saved before the server ended is all that there was.
    expect(list()).toHaveLength(3);
  });

  it("that cannot be restored to the end by the next server either give way to what there was", async () => {
    const id = await take("one");
    volumes.set(t.sessionId, { "workspace/file": "two" });
    const saved = await take("two");
    await service.stop();
    await truncate(fileOf(id, "workspace"), 30);
    volumes.set(t.sessionId, { "workspace/half": "half" });
    cutShort({ kind: "restoring", snapshotId: id, savedId: saved });
    service = start();
    await vi.waitFor(() => expect(isWhole()).toBe(true));
    expect(volumes.get(t.sessionId)).toEqual({ "workspace/file": "two", ...EMPTY });
    expect(getSession(t.db, t.sessionId).reason).toMatchObject({ code: "not_restored" });
  });

  it("that were not begun when the server ended are not restored, and a session whose snapshot is gone says so", async () => {
    const id = await take("one");
    await service.stop();
    t.db
      .update(sessions)
      .set({ status: "stopped", reason: { code: "restoring", message: "…" } })
      .run();
    service = start();
    expect(await settled()).toMatchObject({ code: "not_restored" });
    await service.stop();
    cutShort({ kind: "restoring", snapshotId: "snp_none", savedId: null });
    service = start();
    expect(await settled()).toMatchObject({ code: "restore_failed" });
    expect(isWhole()).toBe(false);
    // Another one mends it.
    await service.restore(owner, { id, as: "in-place" });
    await vi.waitFor(() => expect(isWhole()).toBe(true));
  });

  it("stay, with the session they are of, while something is made of them", async () => {
    const id = await take("one");
    const copying = await service.restore(owner, { id, as: "new-session" });
    await expect(service.remove(owner, id)).rejects.toMatchObject({ reason: "session_busy" });
    expect(() => service.requireUnused(t.sessionId)).toThrow(
      expect.objectContaining({ reason: "session_busy" }),
    );
    expect(() => service.requireUnused(copying.id)).not.toThrow();
    await settled(copying.id);
    await vi.waitFor(() => expect(() => service.requireUnused(t.sessionId)).not.toThrow());
    await service.remove(owner, id);
  });

  it("are refused where they would cut something off, and where there is no room for them", async () => {
    const id = await take();
    const inPlace = () => service.restore(owner, { id, as: "in-place" });
    const prompt = {
      sessionId: t.sessionId,
      userId: t.userId,
      kind: "prompt" as const,
      text: "hi",
      position: 1,
    };
    t.db
      .insert(prompts)
      .values({
        ...prompt,
        id: "prm_1",
        key: "k",
        state: "queued",
        answeredState: "queued",
        createdAt: "2026-11-01",
      })
      .run();
    await expect(inPlace()).rejects.toMatchObject({
      reason: "session_busy",
      message: expect.stringContaining("in line") as string,
    });
    t.db.update(prompts).set({ state: "running" }).run();
    await expect(inPlace()).rejects.toMatchObject({
      reason: "session_busy",
      message: expect.stringContaining("at work") as string,
    });
    t.db.update(prompts).set({ state: "done" }).run();
    isDiskFull = true;
    await expect(inPlace()).rejects.toMatchObject({ reason: "out_of_disk" });
    expect(() => service.create(owner, { sessionId: t.sessionId })).toThrow(
      expect.objectContaining({ reason: "out_of_disk" }),
    );
    isDiskFull = false;
    t.db.update(sessions).set({ status: "creating" }).run();
    expect(() => service.create(owner, { sessionId: t.sessionId })).toThrow(
      expect.objectContaining({ reason: "session_busy" }),
    );
    await expect(inPlace()).rejects.toMatchObject({ reason: "session_busy" });
    expect(list()).toHaveLength(1);
  });

  it("are so many and no more", async () => {
    for (let n = 0; n < SESSION_LIMITS.maxSnapshots; n += 1) await take(`${n}`);
    expect(() => service.create(owner, { sessionId: t.sessionId })).toThrow(
      expect.objectContaining({ reason: "snapshot_limit" }),
    );
    await service.remove(owner, list()[0]?.id ?? "");
    expect(() => service.create(owner, { sessionId: t.sessionId })).not.toThrow();
    await vi.waitFor(() => expect(list()[0]?.state).toBe("ready"));
  });

  it("are made one after the other, and after a backup; none is deleted while it is made", async () => {
    const backup = takeCopyLock(t.dataDir);
    const { id } = service.create(owner, { sessionId: t.sessionId });
    await expect(service.remove(owner, id)).rejects.toMatchObject({ reason: "session_busy" });
    await expect(service.restore(owner, { id, as: "new-session" })).rejects.toMatchObject({
      reason: "session_busy",
    });
    expect(list()).toMatchObject([{ state: "making" }]);
    backup.release();
    await vi.waitFor(() => expect(list()).toMatchObject([{ state: "ready" }]));
    await service.remove(owner, id);
    expect(list()).toEqual([]);
    expect(existsSync(join(t.dataDir, "snapshots", t.sessionId, id))).toBe(false);
  });

  it("are nobody's to see or use who may not write the session", async () => {
    const id = await take();
    addPerson("usr_bob");
    const refused = { reason: "not_found" };
    for (const visibility of ["private", "team-read"] as const) {
      t.db.update(sessions).set({ visibility }).run();
      for (const bob of [person("usr_bob"), person("usr_bob", "viewer"), person("usr_bob", "owner")]) {
        await expect(service.restore(bob, { id, as: "new-session" })).rejects.toMatchObject(refused);
        await expect(service.restore(bob, { id, as: "in-place" })).rejects.toMatchObject(refused);
        await expect(service.remove(bob, id)).rejects.toMatchObject(refused);
        expect(() => service.create(bob, { sessionId: t.sessionId })).toThrow(
          expect.objectContaining(refused),
        );
      }
    }
    expect(service.list(person("usr_bob"), t.sessionId)).toHaveLength(1);
    t.db.update(sessions).set({ visibility: "private" }).run();
    expect(() => service.list(person("usr_bob"), t.sessionId)).toThrow(expect.objectContaining(refused));
    const missing = await service.remove(person("usr_bob"), "snp_none").catch((error: unknown) => error);
    expect(await service.remove(person("usr_bob"), id).catch((error: unknown) => error)).toEqual(missing);
    expect(list()).toHaveLength(1);
  });
});

function tarOf(files: Files, kind: string): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files))
    if (name.startsWith(`${kind}/`)) tar.entry({ name }, content);
  tar.finalize();
  return Readable.from(tar as AsyncIterable<Buffer>);
}
