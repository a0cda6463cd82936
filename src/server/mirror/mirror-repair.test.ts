import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { events, sessions } from "../db/schema";
import { openTestMirror, type TestMirror } from "./mirror.testing";

/** Over the embedded host, with the functions of convex/. */
describe("the mirror, compared with the log", () => {
  let m: TestMirror;
  beforeEach(async () => {
    m = await openTestMirror();
  });
  afterEach(() => m.close());

  const write = (count: number, text = "x") =>
    m.log.transaction((tx) => {
      for (let n = 0; n < count; n += 1)
        tx.append(m.t.sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text } });
    });
  const change = (seq: number, data: string) =>
    m.t.db.update(events).set({ data }).where(eq(events.seq, seq)).run();

  it("is the same: of one session or many, of none, of more than one read carries", async () => {
    write(450);
    m.t.addSession("ses_empty00000000");
    m.t.addSession("ses_stopped000000", { status: "stopped", lastSeq: 4 });
    write(3, "é".repeat(400_000));
    expect(await m.mirror.repair.compare()).toEqual({ sessions: 3, differing: [], parked: [] });
  });

  it("differs where the log has another event, until it is rebuilt", async () => {
    write(5);
    await m.mirror.repair.compare();
    change(3, JSON.stringify({ messageId: "m", partId: "p", text: "other" }));
    expect((await m.mirror.repair.compare()).differing).toEqual([
      { sessionId: m.t.sessionId, why: "has other events there than in the log (up to 5)" },
    ]);
    expect(await m.mirror.repair.rebuild(m.t.sessionId)).toEqual({ sessions: 1 });
    expect((await m.mirror.repair.compare()).differing).toEqual([]);
  });

  it("differs where it ends early, and where it has what is no more; a rebuild of all mends both", async () => {
    write(5);
    m.t.addSession("ses_gone000000000");
    m.log.transaction((tx) =>
      tx.append("ses_gone000000000", { type: "session.updated", data: { title: "t" } }),
    );
    await m.mirror.repair.compare();
    // Behind the mirror's back: no mark tells of it.
    m.t.db.delete(sessions).where(eq(sessions.id, "ses_gone000000000")).run();
    m.t.db.update(sessions).set({ lastSeq: 6 }).where(eq(sessions.id, m.t.sessionId)).run();
    expect((await m.mirror.repair.compare()).differing).toEqual([
      { sessionId: m.t.sessionId, why: "ends at event 5 there, at 6 in the log" },
      { sessionId: "ses_gone000000000", why: "is there and not in the database" },
    ]);
    m.t.db.update(sessions).set({ lastSeq: 5 }).where(eq(sessions.id, m.t.sessionId)).run();
    expect(await m.mirror.repair.rebuild()).toEqual({ sessions: 1 });
    expect((await m.mirror.repair.compare()).differing).toEqual([]);
  });

  it("differs where it lacks a session, until it is rebuilt", async () => {
    await m.mirror.repair.compare();
    m.t.addSession("ses_unknown000000");
    expect((await m.mirror.repair.compare()).differing).toEqual([
      { sessionId: "ses_unknown000000", why: "is in the database and not there" },
    ]);
    await m.mirror.repair.rebuild("ses_unknown000000");
    expect((await m.mirror.repair.compare()).differing).toEqual([]);
  });

  it("cannot be rebuilt of a session that there is not", async () => {
    await expect(m.mirror.repair.rebuild("ses_none000000000")).rejects.toMatchObject({ reason: "not_found" });
  });

  it("is not vouched for when it cannot be asked", async () => {
    await m.mirror.stop();
    await expect(m.mirror.repair.compare()).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  });
});
