import { describe, expect, it } from "vitest";
import type { EventBody, SessionEvent } from "../../sidecar/src/contract";
import { messageOf } from "./messages";
import { AT, numbered, plainTurn, tokens } from "./testing";
import { applyEvent, emptyTimeline, timelineOf, TimelineGapError, type Timeline } from "./timeline";
import { timelineWindow } from "./window";

const of = (...bodies: EventBody[]): Timeline => timelineOf(numbered(bodies));
const all = (timeline: Timeline) => timelineWindow(timeline, { limit: Number.MAX_SAFE_INTEGER });

describe("numbering", () => {
  const events = numbered(plainTurn(1));
  it("ignores what it holds already", () => {
    const timeline = timelineOf(events);
    expect(events.reduce(applyEvent, timeline)).toBe(timeline);
  });
  it("refuses a gap and names what is missing", () => {
    const late: SessionEvent = { seq: 9, at: AT, type: "session.updated", data: { title: "x" } };
    expect(() => applyEvent(emptyTimeline({ afterSeq: 5 }), late)).toThrow(TimelineGapError);
    expect(() => applyEvent(emptyTimeline({ afterSeq: 5 }), late)).toThrow("6 to 8 are missing");
  });
  it("starts where it is told to", () => {
    const late: SessionEvent = { seq: 9, at: AT, type: "session.updated", data: { title: "x" } };
    expect(applyEvent(emptyTimeline({ afterSeq: 8 }), late).settings).toEqual({ title: "x" });
  });
});

describe("parts and tools", () => {
  const part = { messageId: "m", partId: "p" };
  const message = (timeline: Timeline) => messageOf(timeline, "m");

  it("joins deltas, and lets the end correct them", () => {
    const deltas: EventBody[] = [
      { type: "part.started", data: { ...part, kind: "text", text: "a" } },
      { type: "part.delta", data: { ...part, text: "b" } },
      { type: "part.delta", data: { ...part, text: "c" } },
    ];
    expect(message(of(...deltas))?.parts).toMatchObject([{ text: "abc", state: "streaming" }]);
    const ended = of(...deltas, { type: "part.ended", data: { ...part, text: "abd" } });
    expect(message(ended)?.parts).toMatchObject([{ text: "abd", state: "done" }]);
  });
  it("makes up what it was never told of", () => {
    const timeline = of(
      { type: "part.delta", data: { ...part, text: "late" } },
      { type: "tool.output", data: { messageId: "m", partId: "t", suffix: "out" } },
    );
    expect(message(timeline)).toMatchObject({
      role: "assistant",
      state: "streaming",
      parts: [
        { id: "p", kind: "text", text: "late" },
        { id: "t", kind: "tool", tool: { output: "out", status: "running" } },
      ],
    });
  });
  it("follows a tool from its name to its end", () => {
    const begin: EventBody[] = [
      { type: "part.started", data: { ...part, kind: "tool", tool: "bash" } },
      { type: "tool.input", data: { ...part, tool: "bash", input: { command: "ls" } } },
      { type: "tool.output", data: { ...part, suffix: "a\n" } },
      { type: "tool.output", data: { ...part, suffix: "b\n" } },
    ];
    expect(message(of(begin[0] as EventBody))?.parts[0]?.tool?.status).toBe("pending");
    const ended = of(...begin, {
      type: "tool.ended",
      data: {
        ...part,
        tool: "bash",
        status: "completed",
        title: "ls",
        durationMs: 12,
        exitCode: 0,
        diff: "d",
      },
    });
    expect(message(ended)?.parts[0]).toMatchObject({
      state: "done",
      tool: {
        name: "bash",
        input: { command: "ls" },
        output: "a\nb\n",
        status: "completed",
        title: "ls",
        durationMs: 12,
        exitCode: 0,
        diff: "d",
        error: null,
      },
    });
  });
  it("closes with the turn what the turn left open", () => {
    const timeline = of(
      { type: "turn.started", data: { turnId: "turn_1", promptId: "prm_1" } },
      { type: "tool.input", data: { ...part, tool: "bash", input: {} } },
      { type: "turn.ended", data: { turnId: "turn_1", promptId: "prm_1", outcome: "interrupted" } },
    );
    expect(message(timeline)).toMatchObject({
      state: "done",
      parts: [{ state: "done", tool: { status: "error" } }],
    });
    expect(timeline.openMessageIds).toEqual([]);
    expect(timeline.currentTurnId).toBeNull();
    expect(timeline.turns.get("turn_1")).toMatchObject({ outcome: "interrupted", endedAt: AT });
  });
});

describe("the rest of a session", () => {
  it("keeps requests with their outcome", () => {
    const open: EventBody = {
      type: "request.opened",
      data: { requestId: "req_1", kind: "permission", title: "Run ls", detail: "ls", patterns: ["ls"] },
    };
    expect(all(of(open)).summary.requests).toMatchObject([{ requestId: "req_1", outcome: null }]);
    const closed = of(open, {
      type: "request.closed",
      data: { requestId: "req_1", outcome: "once", by: "usr_1" },
    });
    expect(all(closed).summary.requests).toEqual([]);
    expect(closed.requests.get("req_1")).toMatchObject({ outcome: "once", by: "usr_1", title: "Run ls" });
  });
  it("keeps a request's first outcome", () => {
    const close = (outcome: "once" | "withdrawn"): EventBody => ({
      type: "request.closed",
      data: { requestId: "req_1", outcome },
    });
    const open: EventBody = {
      type: "request.opened",
      data: { requestId: "req_1", kind: "permission", title: "Run ls", detail: "ls" },
    };
    expect(of(open, close("once"), close("withdrawn")).requests.get("req_1")?.outcome).toBe("once");
    expect(of(open, close("withdrawn")).requests.get("req_1")?.outcome).toBe("withdrawn");
  });
  it("counts a message's usage once, however often it is told", () => {
    const model = { providerId: "demo", modelId: "demo-1" };
    const timeline = of(
      { type: "usage.updated", data: { messageId: "m", model, tokens: tokens(5, 1), cost: 0.25 } },
      { type: "usage.updated", data: { messageId: "m", model, tokens: tokens(5, 4), cost: 0.5 } },
      { type: "message.ended", data: { messageId: "m", role: "assistant", tokens: tokens(5, 4), cost: 0.5 } },
      {
        type: "message.ended",
        data: { messageId: "n", role: "assistant", tokens: tokens(1, 1), cost: 0.25 },
      },
    );
    expect(timeline.totals).toEqual({ tokens: tokens(6, 5), cost: 0.75 });
  });
  it("shows a retry until the model goes on", () => {
    const data = { code: "provider_rate_limited", attempt: 2, message: "Wait.", detail: "429", nextAt: AT };
    const retry: EventBody = { type: "retry.scheduled", data };
    expect(of(retry, { type: "session.updated", data: {} }).retry).toEqual(data);
    expect(
      of(retry, { type: "part.delta", data: { messageId: "m", partId: "p", text: "x" } }).retry,
    ).toBeNull();
  });
  it("shows a sub-agent's retry until that one goes on, whatever others say, or the turn ends", () => {
    const retry: EventBody = {
      type: "retry.scheduled",
      data: { attempt: 1, message: "Wait.", nextAt: AT, childId: "c" },
    };
    const says = (childId?: string): EventBody => ({
      type: "part.delta",
      data: { messageId: "m", partId: "p", text: "x", ...(childId ? { childId } : {}) },
    });
    expect(of(retry, says(), says("d"), { type: "child.ended", data: { childId: "d" } }).retry).toMatchObject(
      {
        childId: "c",
      },
    );
    for (const end of [
      says("c"),
      { type: "child.ended", data: { childId: "c" } },
      { type: "turn.ended", data: { turnId: "turn_1", promptId: "prm_1", outcome: "aborted" } },
    ] satisfies EventBody[])
      expect(of(retry, end).retry).toBeNull();
  });
  it("follows todos, sub-agents, changes, undo, status and errors", () => {
    const timeline = of(
      { type: "session.status", data: { status: "active", step: null, reason: null, agentState: "awake" } },
      { type: "todo.updated", data: { todos: [{ content: "mine", status: "pending" }] } },
      { type: "todo.updated", data: { todos: [{ content: "its", status: "done" }], childId: "c" } },
      { type: "child.started", data: { childId: "c", title: "look", partId: "p" } },
      { type: "child.ended", data: { childId: "c" } },
      { type: "changes.updated", data: { files: [{ path: "a", additions: 1, deletions: 0 }] } },
      { type: "turn.reverted", data: { messageId: "m" } },
      { type: "error", data: { code: "provider_401", message: "The key was refused." } },
    );
    expect(timeline).toMatchObject({
      status: { status: "active" },
      todos: [{ content: "mine" }],
      children: [{ childId: "c", title: "look", state: "ended" }],
      changes: [{ path: "a" }],
      revertedFrom: "m",
      errors: [{ code: "provider_401", seq: 8 }],
    });
    expect(timeline.childTodos.get("c")).toMatchObject([{ content: "its" }]);
  });
});

describe("a snapshot that was made in the middle of a turn and restored", () => {
  it("leaves what its container tells again as the log had it", () => {
    const turn = plainTurn(1, "hello world");
    const at = turn.findIndex(({ type }) => type === "part.delta");
    const restored: EventBody = {
      type: "session.restored",
      data: { snapshotId: "snp_1", name: "one", madeAt: AT, seq: at + 1 },
    };
    const before = of(...turn, restored);
    const again = of(...turn, restored, ...turn.slice(at, -1));
    expect(all(again).messages).toEqual(all(before).messages);
    expect(again.restores).toMatchObject([{ afterSeq: at + 1, seq: turn.length + 1 }]);
  });
});

describe("versions", () => {
  it("never changes an older version, and shares what did not change", () => {
    const before = of(...plainTurn(1), ...plainTurn(2));
    const frozen = JSON.stringify(all(before));
    const after = applyEvent(before, {
      seq: before.lastSeq + 1,
      at: AT,
      type: "part.delta",
      data: { messageId: "msg_2_agent", partId: "prt_3", text: "!" },
    });
    expect(JSON.stringify(all(before))).toBe(frozen);
    expect(messageOf(after, "msg_1_agent")).toBe(messageOf(before, "msg_1_agent"));
    expect(messageOf(after, "msg_2_agent")).not.toBe(messageOf(before, "msg_2_agent"));
  });

  it("copies hardly more for a delta into 20,000 messages than for one into 20", () => {
    expect(copiedByDelta(20_000)).toBeLessThan(copiedByDelta(20) + 200);
  });
});

/** How many slots of objects and arrays a delta into the middle of a conversation makes anew; the rest is shared. */
function copiedByDelta(messageCount: number): number {
  const started = Array.from({ length: messageCount }, (_, i): EventBody => ({
    type: "message.started",
    data: { messageId: `m_${i}`, role: "user" },
  }));
  const before = timelineOf(numbered(started));
  const messageId = `m_${messageCount / 2}`;
  const delta: EventBody = { type: "part.delta", data: { messageId, partId: "p", text: "x" } };
  const after = timelineOf(numbered([delta], before.lastSeq + 1), before);
  expect(messageOf(after, messageId)?.parts[0]?.text).toBe("x");
  const old = objectsOf(before);
  return [...objectsOf(after)]
    .filter((made) => !old.has(made))
    .reduce((slots, made) => slots + Object.keys(made).length, 0);
}

/** Every object that can be reached. */
function objectsOf(root: object): Set<object> {
  const found = new Set<object>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null || found.has(value)) continue;
    found.add(value);
    open.push(...(Object.values(value) as unknown[]));
  }
  return found;
}

describe("settings", () => {
  it("are what session.updated said last of each, and stand in a window too", () => {
    const timeline = of(
      { type: "session.updated", data: { visibility: "team-write", title: "a" } },
      { type: "session.updated", data: { archived: true } },
      { type: "session.updated", data: { visibility: "private" } },
      { type: "session.updated", data: { archived: false } },
    );
    const settings = { title: "a", visibility: "private", archived: false };
    expect(timeline.settings).toEqual(settings);
    expect(all(timeline).summary.settings).toEqual(settings);
  });
});
