import { and, eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { events, sessions } from "../../db/schema";
import { testDatabase, type TestDatabase } from "../../db/testing";
import { createEventLog } from "../../events/event-log";
import { lineOf } from "./finding";
import { examineSeq, examineSpool } from "./spine";

describe("the doctor, of the log", () => {
  let t: TestDatabase;
  beforeEach(() => {
    t = testDatabase();
    t.addSession("ses_other00000000");
    const log = createEventLog(t);
    const body = { type: "session.updated", data: { title: "t" } } as const;
    log.transaction((tx) => {
      tx.append("ses_other00000000", body);
      for (const [epoch, n] of [
        [1, 1],
        [1, 2],
        [2, 1],
      ] as const) {
        tx.append(t.sessionId, body, { epoch, n, at: "2026-11-01T00:00:00.000Z" });
        tx.append(t.sessionId, body);
      }
      tx.store
        .update(sessions)
        .set({ epoch: 2, heldEpoch: 2, heldN: 1 })
        .where(eq(sessions.id, t.sessionId))
        .run();
    });
  });
  afterEach(() => t[Symbol.dispose]());

  const at = (seq: number) => and(eq(events.sessionId, t.sessionId), eq(events.seq, seq));
  const session = (row: Partial<typeof sessions.$inferInsert>) =>
    t.db.update(sessions).set(row).where(eq(sessions.id, t.sessionId)).run();

  it("is content with what the server writes, with a session of no events, and with one that passed over its spool", () => {
    t.addSession("ses_new0000000000");
    expect(lineOf(examineSeq(t.db))).toBe("ok    log: 7 events of 3 sessions, each numbered without a hole");
    expect(lineOf(examineSpool(t.db))).toMatch(/^ok {4}spool positions: 2 starts/);
    session({ heldEpoch: 3, heldN: 0 });
    expect(examineSpool(t.db).problem).toBeNull();
  });

  it.each([
    ["an event is missing in the middle", () => t.db.delete(events).where(at(3)).run()],
    ["the first is missing", () => t.db.delete(events).where(at(1)).run()],
    ["the last is missing", () => t.db.delete(events).where(at(6)).run()],
    ["there are more than the session says", () => session({ lastSeq: 5 })],
    ["one is numbered beyond the end", () => t.db.update(events).set({ seq: 9 }).where(at(6)).run()],
  ])("says FAIL when %s, and names the session alone that has it", (_what, breakIt) => {
    breakIt();
    const line = lineOf(examineSeq(t.db));
    expect(line).toMatch(/^FAIL {2}log: .*restore a backup/);
    expect(line).toContain(t.sessionId);
    expect(line).not.toContain("ses_other");
  });

  it("says FAIL when there are events of a session that is no more", () => {
    t.db.delete(sessions).where(eq(sessions.id, "ses_other00000000")).run();
    expect(lineOf(examineSeq(t.db))).toMatch(/^FAIL .*no more: ses_other00000000/);
  });

  it.each([
    ["one that a sidecar sent is missing", () => t.db.delete(events).where(at(1)).run()],
    ["the last that the session holds is missing", () => t.db.delete(events).where(at(5)).run()],
    ["the session holds less than there is", () => session({ heldEpoch: 1, heldN: 2 })],
    ["the session holds nothing and there is something", () => session({ heldEpoch: 0, heldN: 0 })],
    ["a position is half", () => t.db.update(events).set({ n: null }).where(at(1)).run()],
    ["an epoch comes before an earlier one", () => t.db.update(events).set({ seq: 0 }).where(at(5)).run()],
  ])("says FAIL of the spool when %s", (_what, breakIt) => {
    breakIt();
    expect(lineOf(examineSpool(t.db))).toMatch(new RegExp(`^FAIL .*${t.sessionId}`));
  });
});
