import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SpooledEvent } from "../../../sidecar/src/contract";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "./event-log";
import { createIntake, type Intake } from "./intake";

const OTHER = "ses_other000000000";

const tool = { messageId: "m", partId: "p", tool: "bash" };
const batch = (from: number, to: number): SpooledEvent[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    epoch: 1,
    n: from + i,
    at: "2026-11-01T00:00:00.000Z",
    type: "part.delta",
    data: { messageId: "m", partId: "p", text: `t${from + i}` },
  }));

describe("the intake", () => {
  let t: TestDatabase;
  let log: EventLog;
  let intake: Intake;
  let commits: number;

  beforeEach(() => {
    t = testDatabase();
    t.addSession(OTHER);
    commits = 0;
    log = createEventLog({ ...t, onCommit: () => (commits += 1) });
    intake = createIntake(log, () => undefined);
  });
  afterEach(() => t[Symbol.dispose]());

  const count = (sessionId: string) => log.read(sessionId, 0).length;

  it("commits what comes at the same moment together, and each session has its own position", async () => {
    const taken = await Promise.all([intake.take(t.sessionId, batch(1, 2)), intake.take(OTHER, batch(1, 1))]);
    expect(taken.map(({ n }) => n)).toEqual([2, 1]);
    expect([count(t.sessionId), count(OTHER), commits]).toEqual([2, 1, 1]);
    expect((await intake.take(OTHER, batch(2, 3))).n).toBe(3);
    expect([count(OTHER), commits]).toEqual([3, 2]);
  });

  it("gathers what comes soon after a commit into the next one, and keeps nobody waiting after a quiet moment", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
    try {
      await intake.take(t.sessionId, batch(1, 1));
      expect(commits).toBe(1);
      const soon = [intake.take(t.sessionId, batch(2, 2))];
      await turn();
      soon.push(intake.take(OTHER, batch(1, 1)));
      await turn();
      expect(commits).toBe(1);
      vi.advanceTimersByTime(15);
      await Promise.all(soon);
      expect([count(t.sessionId), count(OTHER), commits]).toEqual([2, 1, 2]);
      vi.advanceTimersByTime(15);
      await intake.take(OTHER, batch(2, 2));
      expect(commits).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it("refuses a batch that breaks the rules, and takes those beside it", async () => {
    const [good, bad] = await Promise.allSettled([
      intake.take(t.sessionId, batch(1, 2)),
      intake.take(OTHER, batch(2, 2)),
    ]);
    expect(good).toMatchObject({ status: "fulfilled", value: { n: 2 } });
    expect(bad).toMatchObject({ status: "rejected", reason: { code: "gap" } });
    expect([count(t.sessionId), count(OTHER)]).toEqual([2, 0]);
  });

  it("refuses what a compromised sidecar makes up, and takes those beside it in the same commit", async () => {
    t.addSession("ses_third000000000");
    const [first] = batch(1, 1);
    if (!first) throw new Error("no event");
    const forgeries: [string, SpooledEvent[]][] = [
      ["foreign_epoch", [{ ...first, epoch: 2 }]],
      ["gap", batch(2, 3)],
      ["gap", [...batch(2, 2), first]],
      ["rewritten", [first, { ...first, data: { messageId: "m", partId: "p", text: "other" } }]],
      ["malformed", [{ ...first, data: { text: "no place" } }]],
      ["malformed", [{ ...first, type: "tool.input", data: { ...tool, input: { s: "x".repeat(300_000) } } }]],
    ];
    for (const [index, [code, forged]] of forgeries.entries()) {
      const before = [index * 2, index * 2];
      expect([count(t.sessionId), count("ses_third000000000")]).toEqual(before);
      const from = index * 2 + 1;
      const [good, bad, third] = await Promise.allSettled([
        intake.take(t.sessionId, batch(from, from + 1)),
        intake.take(OTHER, forged),
        intake.take("ses_third000000000", batch(from, from + 1)),
      ]);
      expect([good.status, third.status]).toEqual(["fulfilled", "fulfilled"]);
      expect(bad, `forgery ${index}`).toMatchObject({ status: "rejected", reason: { code } });
      expect(count(OTHER)).toBe(0);
    }
  });

  it("keeps no transaction for longer than a thousand events take, but for one session's own batch", async () => {
    await Promise.all([intake.take(t.sessionId, batch(1, 600)), intake.take(OTHER, batch(1, 600))]);
    expect(commits).toBe(2);
    await intake.take(OTHER, batch(601, 1_900));
    expect(commits).toBe(3);
    expect([log.read(OTHER, 1_899).length, count(t.sessionId)]).toEqual([1, 500]);
  });
});
