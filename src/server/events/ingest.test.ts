import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_EVENT_BYTES, type SessionEvent, type SpooledEvent } from "../../../sidecar/src/contract";
import { sessions } from "../db/schema";
import { createEventLog, type EventLog } from "./event-log";
import { ingest, IngestError } from "./ingest";
import { testDatabase, type TestDatabase } from "../db/testing";

const delta = (epoch: number, n: number, text = `t${n}`): SpooledEvent => ({
  epoch,
  n,
  at: "2026-11-01T00:00:00.000Z",
  type: "part.delta",
  data: { messageId: "m", partId: "p", text },
});

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof IngestError) return error.code;
    throw error;
  }
  return "accepted";
};

describe("ingest", () => {
  let t: TestDatabase;
  let log: EventLog;
  const take = (batch: SpooledEvent[]) => ingest(log, t.sessionId, batch, () => undefined);
  const seqs = () => log.read(t.sessionId, 0).map((e) => e.seq);

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
  });
  afterEach(() => t[Symbol.dispose]());

  it("numbers events densely over epochs and interleaved server events", () => {
    expect(take([delta(1, 1), delta(1, 2)])).toEqual({ epoch: 1, n: 2 });
    log.transaction((tx) => tx.append(t.sessionId, { type: "prompt.started", data: { promptId: "prm_1" } }));
    t.db.update(sessions).set({ epoch: 3 }).where(eq(sessions.id, t.sessionId)).run();
    take([delta(1, 3), delta(3, 1)]);
    expect(seqs()).toEqual([1, 2, 3, 4, 5]);
  });

  it("keeps an event once, however often it comes", () => {
    take([delta(1, 1), delta(1, 2)]);
    take([delta(1, 1), delta(1, 2), delta(1, 3)]);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  it("refuses a position that comes again with other content", () => {
    take([delta(1, 1)]);
    expect(codeOf(() => take([delta(1, 1, "other")]))).toBe("rewritten");
  });

  it("refuses a gap and keeps nothing of that batch", () => {
    expect(codeOf(() => take([delta(1, 1), delta(1, 3)]))).toBe("gap");
    expect(seqs()).toEqual([]);
  });

  it("refuses an epoch that no registration opened", () => {
    expect(codeOf(() => take([delta(2, 1)]))).toBe("foreign_epoch");
  });

  it("refuses data that does not fit its type", () => {
    expect(codeOf(() => take([{ ...delta(1, 1), data: { text: 5 } }]))).toBe("malformed");
  });

  it("refuses an event larger than any may be, wherever its bytes are", () => {
    const at = { messageId: "m", partId: "p", tool: "write" };
    const input = (content: string): SpooledEvent => ({
      ...delta(1, 1),
      type: "tool.input",
      data: { ...at, input: { content } },
    });
    expect(codeOf(() => take([input("\u{1F333}".repeat(MAX_EVENT_BYTES / 4))]))).toBe("malformed");
    const files = Array.from({ length: 2000 }, (_, i) => ({
      path: `${i}`.repeat(50),
      additions: 0,
      deletions: 0,
    }));
    expect(codeOf(() => take([{ ...delta(1, 1), type: "changes.updated", data: { files } }]))).toBe(
      "malformed",
    );
    expect(seqs()).toEqual([]);
    expect(codeOf(() => take([input("x".repeat(MAX_EVENT_BYTES - 600))]))).toBe("accepted");
  });

  it("rolls the hook's work back together with the events", () => {
    expect(() =>
      ingest(log, t.sessionId, [delta(1, 1)], () => {
        throw new Error("hook failed");
      }),
    ).toThrow("hook failed");
    expect(seqs()).toEqual([]);
  });
});

describe("follow", () => {
  let t: TestDatabase;
  let log: EventLog;
  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
  });
  afterEach(() => t[Symbol.dispose]());

  it("replays, then goes on live, with no gap and no duplicate", async () => {
    const stop = new AbortController();
    ingest(log, t.sessionId, [delta(1, 1), delta(1, 2)], () => undefined);
    const got: SessionEvent[] = [];
    let n = 2;
    for await (const batch of log.follow(t.sessionId, 1, stop.signal)) {
      got.push(...batch);
      if (got.length >= 20) break;
      queueMicrotask(() => {
        ingest(log, t.sessionId, [delta(1, ++n)], () => undefined);
      });
    }
    expect(got.map((e) => e.seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  });

  it("ends when the reader leaves and when the session is removed", async () => {
    const stop = new AbortController();
    const ended = (async () => {
      for await (const batch of log.follow(t.sessionId, 0, stop.signal)) expect(batch).toEqual([]);
      return "ended";
    })();
    t.db.delete(sessions).where(eq(sessions.id, t.sessionId)).run();
    log.forget(t.sessionId);
    await expect(ended).resolves.toBe("ended");
    stop.abort();
  });
});
