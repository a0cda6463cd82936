import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "../../../convex/_generated/api";
import { sessions } from "../db/schema";
import { mark, marksAfter } from "../events/outbox";
import { raiseEpoch } from "../people/epoch";
import { markRead } from "../sessions/session-marks";
import { getSession } from "../sessions/session-store";
import { openTestMirror, type TestMirror } from "./mirror.testing";

describe("the mirror in the embedded host", () => {
  let m: TestMirror;
  beforeEach(async () => {
    m = await openTestMirror();
  });
  afterEach(() => m.close());

  const owner = () => ({ userId: m.t.userId });
  const write = (text: string) =>
    m.log.transaction((tx) =>
      tx.append(m.t.sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text } }),
    );

  it("shows a browser every event of its session once, in order, as the log has them", async () => {
    const client = m.live(() => m.tokenOf(owner()));
    let seen: { seq: number; data: string }[] = [];
    const args = { sessionId: m.t.sessionId, afterSeq: 0, limit: 100 };
    // A session that is not told of yet is refused; the next answer follows by itself.
    client.onUpdate(
      api.sessionEvents.window,
      args,
      (rows) => (seen = rows),
      () => undefined,
    );
    for (let n = 1; n <= 60; n += 1) {
      write(`piece ${n}`);
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => seen.length).toBe(60);
    expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
    expect(seen.map(({ data }): unknown => JSON.parse(data))).toEqual(
      m.log.read(m.t.sessionId, 0).map(({ data }) => data),
    );
  });

  it("lists sessions with what a person has read, and tells of removal", async () => {
    const client = m.live(() => m.tokenOf(owner()));
    let list: { sessionId: string; unread: boolean; data: string }[] = [];
    client.onUpdate(
      api.sessions.list,
      { archived: false },
      (rows) => (list = rows),
      () => undefined,
    );
    m.log.transaction((tx) => tx.append(m.t.sessionId, { type: "session.updated", data: { title: "New" } }));
    await expect.poll(() => list).toMatchObject([{ sessionId: m.t.sessionId, unread: true }]);
    m.log.transaction((tx) => markRead(tx, m.t.userId, getSession(tx.store, m.t.sessionId)));
    await expect.poll(() => list).toMatchObject([{ unread: false }]);
    expect(JSON.parse(list[0]?.data ?? "")).toMatchObject({ id: m.t.sessionId, title: "Test", lastSeq: 1 });
    expect(JSON.parse(list[0]?.data ?? "")).not.toHaveProperty("unread");
    m.log.transaction((tx) => {
      tx.store.delete(sessions).where(eq(sessions.id, m.t.sessionId)).run();
      mark(tx.store, [{ topic: "session", key: m.t.sessionId }]);
    });
    await expect.poll(() => list).toEqual([]);
  });

  it("refuses an open socket whose person has lost their access, and takes it back with a new token", async () => {
    let token = await m.tokenOf(owner());
    const client = m.live(async () => token);
    const told = { names: 0, refused: "" };
    client.onUpdate(
      api.people.names,
      {},
      () => (told.names += 1),
      (error) => (told.refused = JSON.stringify("data" in error ? error.data : error.message)),
    );
    await expect.poll(() => told.names).toBeGreaterThan(0);
    // No ring: as from another process, such as the command line.
    m.t.db.transaction((tx) => raiseEpoch(tx, m.t.userId));
    await expect.poll(() => told.refused).toContain("signed_out");
    const before = told.names;
    token = await m.tokenOf(owner());
    client.setAuth(async () => token);
    await expect.poll(() => told.names).toBeGreaterThan(before);
  });

  it("is filled again after a restart, and browsers go on by themselves", async () => {
    write("before");
    const client = m.live(() => m.tokenOf(owner()));
    let seqs: number[] = [];
    client.onUpdate(
      api.sessionEvents.window,
      { sessionId: m.t.sessionId, afterSeq: 0, limit: 100 },
      (rows) => (seqs = rows.map(({ seq }) => seq)),
      () => undefined,
    );
    await expect.poll(() => seqs).toEqual([1]);
    await m.restart();
    write("after");
    await expect.poll(() => seqs).toEqual([1, 2]);
    expect(client.connectionState().connectionCount).toBeGreaterThan(1);
  });

  it("lets nobody in before it is filled: what is not there yet would look like what is gone", async () => {
    await m.restart();
    const unused = {} as never;
    await expect(Promise.resolve(m.mirror.routes[0]?.handle(unused, unused, unused))).rejects.toMatchObject({
      code: "SERVICE_UNAVAILABLE",
    });
    await expect.poll(() => fetch(`${m.url}/version`).then(({ status }) => status)).toBe(200);
  });

  it("lets go of a stopped session's events after ten minutes, unseen by whoever watches the session", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    try {
      await m.restart();
      // More than one call may take away.
      for (let n = 0; n < 12; n += 1) write("x".repeat(200_000));
      const client = m.live(() => m.tokenOf(owner()));
      const { sessionId } = m.t;
      let seqs: number[] = [];
      const statuses: unknown[] = [];
      client.onUpdate(
        api.sessionEvents.window,
        { sessionId, afterSeq: 0, limit: 100 },
        (rows) => (seqs = rows.map(({ seq }) => seq)),
        () => undefined,
      );
      const become = (status: "stopped" | "active") =>
        m.log.transaction((tx) => {
          tx.store.update(sessions).set({ status }).where(eq(sessions.id, sessionId)).run();
          mark(tx.store, [{ topic: "session", key: sessionId }]);
        });
      await expect.poll(() => seqs.length).toBe(12);
      client.onUpdate(
        api.sessions.get,
        { sessionId },
        (row) => statuses.push(row === null ? null : (JSON.parse(row.data) as { status: unknown }).status),
        () => undefined,
      );
      become("stopped");
      await expect.poll(() => statuses.at(-1)).toBe("stopped");
      vi.advanceTimersByTime(11 * 60_000);
      await expect.poll(() => seqs).toEqual([]);
      expect(statuses).not.toContain(null);
      expect((await m.mirror.repair.compare()).differing).toEqual([]);
      become("active");
      write("after");
      await expect.poll(() => seqs).toEqual(Array.from({ length: 13 }, (_, n) => n + 1));
    } finally {
      vi.useRealTimers();
    }
  });

  it("ends at once while it is being filled", async () => {
    m.t.db.transaction(() => {
      for (let n = 0; n < 1_000; n += 1) m.t.addSession(`ses_${n}`);
    });
    await m.restart();
    await m.restart();
    await expect.poll(() => fetch(`${m.url}/version`).then(({ status }) => status)).toBe(200);
  });

  it("leaves nothing in the outbox when all is told", async () => {
    write("a");
    m.log.transaction((tx) => tx.append(m.t.sessionId, { type: "session.updated", data: { title: "B" } }));
    await expect.poll(() => marksAfter(m.t.db, 0, 10)).toEqual([]);
    expect(await m.mirror.check()).toBe("ok");
  });
});
