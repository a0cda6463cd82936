import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog } from "./event-log";
import { clearMarks, countMarksAfter, mark, markName, marksAfter, parseReadKey, readKey } from "./outbox";

describe("the outbox", () => {
  let t: TestDatabase;
  beforeEach(() => {
    t = testDatabase();
  });
  afterEach(() => t[Symbol.dispose]());

  const marks = () => marksAfter(t.db, 0, 100).map(({ topic, key }) => `${topic} ${key}`);

  it("is marked in the log's transaction: the list's row only by events that a list shows", () => {
    const log = createEventLog(t);
    log.transaction((tx) => {
      tx.append(t.sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text: "a" } });
      tx.append(t.sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text: "b" } });
    });
    expect(marks()).toEqual([`events ${t.sessionId}`]);
    log.transaction((tx) => tx.append(t.sessionId, { type: "session.updated", data: { title: "New" } }));
    expect(marks()).toEqual([`events ${t.sessionId}`, `session ${t.sessionId}`]);
    log.transaction((tx) =>
      tx.append(t.sessionId, { type: "request.closed", data: { requestId: "req_1", outcome: "once" } }),
    );
    expect(marks()).toContain("request req_1");
  });

  it("holds nothing of a transaction that failed", () => {
    const log = createEventLog(t);
    expect(() =>
      log.transaction((tx) => {
        tx.append(t.sessionId, { type: "session.updated", data: { title: "New" } });
        throw new Error("half way");
      }),
    ).toThrow("half way");
    expect(marks()).toEqual([]);
  });

  it("keeps a mark that was made again while the one before was told", () => {
    mark(t.db, [{ topic: "person", key: "usr_1" }]);
    const told = marksAfter(t.db, 0, 10).map(({ id }) => id);
    mark(t.db, [{ topic: "person", key: "usr_1" }]);
    clearMarks(t.db, told);
    expect(marks()).toEqual(["person usr_1"]);
    clearMarks(
      t.db,
      marksAfter(t.db, 0, 10).map(({ id }) => id),
    );
    mark(t.db, [{ topic: "person", key: "usr_1" }]);
    expect(marksAfter(t.db, Math.max(...told) + 1, 10)).toHaveLength(1);
  });

  it("counts what was marked since, without what is known", () => {
    const person = (id: string) => ({ topic: "person" as const, key: id });
    mark(t.db, [person("usr_1"), person("usr_2")]);
    const { id: lastId = 0 } = marksAfter(t.db, 0, 10).at(-1) ?? {};
    expect(countMarksAfter(t.db, lastId, [])).toBe(0);
    mark(t.db, [person("usr_2"), person('usr_"3"'), { topic: "session", key: "usr_4" }]);
    expect(countMarksAfter(t.db, 0, [])).toBe(4);
    expect(countMarksAfter(t.db, lastId, [])).toBe(3);
    expect(countMarksAfter(t.db, lastId, [person("usr_2"), person('usr_"3"')].map(markName))).toBe(1);
  });

  it("tells a read's person and session apart again, and says no to any other key", () => {
    expect(parseReadKey(readKey("usr_1", "ses_1"))).toEqual({ personId: "usr_1", sessionId: "ses_1" });
    expect(parseReadKey("usr_1")).toBeNull();
  });
});
