import { describe, expect, it } from "vitest";
import type { EventBody } from "../../sidecar/src/contract";
import { messageOf } from "./messages";
import { AT, numbered, plainTurn, randomEvents, randomFrom, tokens } from "./testing";
import { timelineOf, type Timeline } from "./timeline";
import { timelineFromWindow, timelineWindow, withOlder } from "./window";

const of = (...bodies: EventBody[]): Timeline => timelineOf(numbered(bodies));
const all = (timeline: Timeline) => timelineWindow(timeline, { limit: Number.MAX_SAFE_INTEGER });
const queued = (n: number): EventBody => ({
  type: "prompt.queued",
  data: { promptId: `prm_${n}`, text: `ask ${n}`, kind: "prompt", by: "usr_1" },
});

describe("snapshot and tail", () => {
  it("equal a replay from the first event, at any cut", () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const events = randomEvents(seed, 300);
      const whole = timelineOf(events);
      const cut = randomFrom(seed * 31)(events.length);
      const snapshot = timelineOf(events.slice(0, cut));
      // Overlap: a reader that resumes may be given what it holds.
      const tail = events.slice(Math.max(0, cut - 3));
      expect(all(timelineOf(tail, snapshot)), `seed ${seed}, cut ${cut}`).toEqual(all(whole));
    }
  });

  it("equal a replay when the newest window went through JSON, at every cut", () => {
    const [first, ...rest] = [plainTurn(1), plainTurn(2), plainTurn(3), plainTurn(4)];
    const events = numbered([
      ...(first ?? []).slice(0, 5),
      queued(9),
      ...(first ?? []).slice(5),
      ...rest.flat(),
    ]);
    const whole = all(timelineOf(events));
    for (let cut = 0; cut <= events.length; cut += 1) {
      const stored = JSON.stringify(all(timelineOf(events.slice(0, cut))));
      const snapshot = timelineFromWindow(JSON.parse(stored) as ReturnType<typeof all>);
      expect(all(timelineOf(events.slice(cut), snapshot)), `cut ${cut}`).toEqual(whole);
    }
  });
});

describe("a window that leaves out what still goes on", () => {
  const model = { providerId: "demo", modelId: "demo-1" };
  const used = { model, tokens: tokens(5, 1), cost: 0.25 };
  const old = { messageId: "m_old", partId: "p_old" };
  const start: EventBody[] = [
    { type: "turn.started", data: { turnId: "turn_1", promptId: "prm_1" } },
    { type: "message.started", data: { messageId: "m_old", role: "assistant", turnId: "turn_1" } },
    { type: "part.started", data: { ...old, kind: "tool", tool: "task" } },
    { type: "message.started", data: { messageId: "m_child", role: "assistant", childId: "c" } },
  ];
  const rest: EventBody[] = [
    {
      type: "part.started",
      data: { messageId: "m_child", partId: "p", kind: "text", text: "x", childId: "c" },
    },
    { type: "message.ended", data: { messageId: "m_child", role: "assistant", childId: "c" } },
    { type: "tool.output", data: { ...old, suffix: "out" } },
    { type: "tool.ended", data: { ...old, tool: "task", status: "completed", title: "t", durationMs: 1 } },
    { type: "message.ended", data: { messageId: "m_old", role: "assistant", ...used } },
    { type: "usage.updated", data: { messageId: "m_old", ...used } },
  ];

  it("goes on without it: no piece of it stands at the wrong place, and its cost counts once", () => {
    const events = numbered([...start, ...rest]);
    const whole = timelineOf(events);
    for (let cut = start.length; cut <= events.length; cut += 1) {
      const newest = timelineWindow(timelineOf(events.slice(0, cut)), { limit: 1 });
      const timeline = timelineOf(events.slice(cut), timelineFromWindow(newest));
      expect(timelineWindow(timeline, { limit: 5 }).messages, `cut ${cut}`).toEqual([
        messageOf(whole, "m_child"),
      ]);
      expect(timeline.totals, `cut ${cut}`).toEqual(whole.totals);
      expect(timelineWindow(timeline, { limit: 5 }).hasMore).toBe(true);
    }
  });
});

describe("window", () => {
  const timeline = of(...plainTurn(1), ...plainTurn(2), ...plainTurn(3), queued(4));
  it("pages from the newest to the oldest without a gap or a repetition", () => {
    const newest = timelineWindow(timeline, { limit: 4 });
    expect(newest.messages.map((m) => m.id)).toEqual([
      "msg_2_user",
      "msg_2_agent",
      "msg_3_user",
      "msg_3_agent",
      "prm_4",
    ]);
    expect(newest).toMatchObject({ hasMore: true, lastSeq: timeline.lastSeq });
    const older = timelineWindow(timeline, { limit: 4, beforeSeq: newest.messages[0]?.startedSeq });
    expect(older.messages.map((m) => m.id)).toEqual(["msg_1_user", "msg_1_agent"]);
    expect(older.hasMore).toBe(false);
  });
  it("is empty before the first message", () => {
    expect(timelineWindow(timeline, { limit: 4, beforeSeq: 1 })).toMatchObject({
      messages: [],
      hasMore: false,
    });
  });
  it("goes on with older messages before it as if it had held them all along", () => {
    const events = numbered([...plainTurn(1), ...plainTurn(2), ...plainTurn(3)]);
    for (let cut = 1; cut <= events.length; cut += 1) {
      const then = timelineOf(events.slice(0, cut));
      const newest = timelineFromWindow(timelineWindow(then, { limit: 1 }));
      const beforeSeq = newest.messages.at(0)?.startedSeq;
      if (beforeSeq === undefined) continue;
      const { messages, hasMore, summary } = timelineWindow(then, { beforeSeq, limit: 100 });
      const { turns, answered } = summary;
      const joined = withOlder(newest, { messages, hasMore, turns, answered });
      expect(all(timelineOf(events.slice(cut), joined)), `cut ${cut}`).toEqual(all(timelineOf(events)));
    }
  });
  it("takes its own word for a turn before that of older messages", () => {
    const older = { turnId: "turn_3", promptId: "prm_3", outcome: null, startedAt: AT, endedAt: null };
    const joined = withOlder(timeline, { messages: [], hasMore: true, turns: [older], answered: [] });
    expect(joined.turns.get("turn_3")?.outcome).toBe("done");
    expect(joined.hasOlder).toBe(true);
  });
  it("gives how a request was answered with the message that made it, and no other", () => {
    const answered = timelineOf(
      numbered([
        ...plainTurn(1),
        {
          type: "request.opened",
          data: {
            requestId: "req_1",
            kind: "permission",
            title: "Run ls",
            detail: "ls",
            messageId: "msg_1_agent",
          },
        },
        { type: "request.closed", data: { requestId: "req_1", outcome: "once", by: "usr_1" } },
        ...plainTurn(2),
      ]),
    );
    const newest = timelineWindow(answered, { limit: 2 });
    expect(newest.summary.answered).toEqual([]);
    const older = timelineWindow(answered, { limit: 2, beforeSeq: newest.messages[0]?.startedSeq ?? 0 });
    expect(older.summary.answered).toMatchObject([{ requestId: "req_1", outcome: "once", by: "usr_1" }]);
    const whole = timelineFromWindow(timelineWindow(answered, { limit: 10 }));
    expect(whole.requests.get("req_1")).toMatchObject({ outcome: "once", title: "Run ls" });
    expect(whole.openRequestIds).toEqual([]);
    const joined = withOlder(timelineFromWindow(newest), {
      messages: older.messages,
      hasMore: false,
      turns: older.summary.turns,
      answered: older.summary.answered,
    });
    expect(joined.requests.get("req_1")?.outcome).toBe("once");
  });
});
