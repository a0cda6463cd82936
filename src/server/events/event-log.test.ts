import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_EVENT_BYTES } from "../../../sidecar/src/contract";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog, READ_LIMIT } from "./event-log";

describe("a read of the log", () => {
  let t: TestDatabase;
  let log: EventLog;
  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
  });
  afterEach(() => t[Symbol.dispose]());

  const append = (count: number, chars: number) =>
    log.transaction((tx) => {
      for (let n = 0; n < count; n += 1) {
        const data = { messageId: "m", partId: "p", suffix: "x".repeat(chars) };
        tx.append(t.sessionId, { type: "tool.output", data });
      }
    });
  const seqsAfter = (seq: number, limit?: number) => log.read(t.sessionId, seq, limit).map((e) => e.seq);
  const seqs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

  it("takes so many small events and goes on behind them", () => {
    append(READ_LIMIT + 3, 10);
    expect(seqsAfter(0)).toEqual(seqs(1, READ_LIMIT));
    expect(seqsAfter(READ_LIMIT)).toEqual(seqs(READ_LIMIT + 1, READ_LIMIT + 3));
    expect(seqsAfter(READ_LIMIT + 3)).toEqual([]);
    expect(seqsAfter(7, 60)).toEqual(seqs(8, 67));
    expect(seqsAfter(7, 10_000)).toHaveLength(READ_LIMIT - 4);
  });

  it("takes fewer of large ones, whatever stands before them, and goes on behind them", () => {
    append(100, 10);
    append(12, MAX_EVENT_BYTES - 1000);
    expect(seqsAfter(0)).toEqual(seqs(1, 104));
    expect(seqsAfter(104)).toEqual(seqs(105, 109));
    expect(seqsAfter(109)).toEqual(seqs(110, 112));
    expect(seqsAfter(112)).toEqual([]);
  });

  it("counts bytes, not letters", () => {
    append(12, 100);
    expect(seqsAfter(0)).toHaveLength(12);
    const suffix = "\u{1F333}".repeat(60_000);
    for (let n = 0; n < 12; n += 1)
      log.transaction((tx) =>
        tx.append(t.sessionId, { type: "tool.output", data: { messageId: "m", partId: "p", suffix } }),
      );
    expect(seqsAfter(12)).toEqual(seqs(13, 17));
  });
});
