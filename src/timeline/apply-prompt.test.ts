import { describe, expect, it } from "vitest";
import type { EventBody } from "../../sidecar/src/contract";
import { messageOf } from "./messages";
import { AT, numbered, plainTurn } from "./testing";
import { timelineOf, type Timeline } from "./timeline";
import { timelineFromWindow, timelineWindow } from "./window";

const of = (...bodies: EventBody[]): Timeline => timelineOf(numbered(bodies));
const all = (timeline: Timeline) => timelineWindow(timeline, { limit: Number.MAX_SAFE_INTEGER });
const queued = (n: number, kind: "prompt" | "shell" = "prompt"): EventBody => ({
  type: "prompt.queued",
  data: { promptId: `prm_${n}`, text: `ask ${n}`, kind, by: "usr_1" },
});

describe("prompts", () => {
  it("shows a waiting prompt at once, behind what the running turn still says", () => {
    const turn = plainTurn(1);
    const timeline = of(...turn.slice(0, 7), queued(2), ...turn.slice(7));
    expect(all(timeline).messages.map((m) => [m.id, m.state])).toEqual([
      ["msg_1_user", "done"],
      ["msg_1_agent", "done"],
      ["prm_2", "queued"],
    ]);
  });
  it("makes one message of a prompt and the agent's user message", () => {
    const [asked] = all(of(...plainTurn(1))).messages;
    expect(asked).toMatchObject({ id: "msg_1_user", promptId: "prm_1", turnId: "turn_1", by: "usr_1" });
    const times = { startedAt: AT, endedAt: AT };
    expect(asked?.parts).toEqual([{ id: "ask_1", kind: "text", text: "ask 1", state: "done", ...times }]);
  });
  it("takes the prompt's turn as its start when that comes before the server's own word", () => {
    const timeline = of(
      queued(1),
      { type: "turn.started", data: { turnId: "turn_1", promptId: "prm_1" } },
      { type: "prompt.started", data: { promptId: "prm_1" } },
    );
    expect(timeline.queue).toEqual([]);
    expect(messageOf(timeline, "prm_1")).toMatchObject({ turnId: "turn_1", state: "done", startedSeq: 2 });
  });
  it("keeps a second user message of the same turn apart", () => {
    const timeline = of(...plainTurn(1).slice(0, 4), {
      type: "message.started",
      data: { messageId: "msg_more", role: "user", turnId: "turn_1" },
    });
    expect(all(timeline).messages.map((m) => m.id)).toEqual(["msg_1_user", "msg_more"]);
  });
  it("shows a shell command as a message that lasts as long as its turn", () => {
    const start: EventBody[] = [
      queued(1, "shell"),
      { type: "prompt.started", data: { promptId: "prm_1" } },
      { type: "turn.started", data: { turnId: "turn_1", promptId: "prm_1" } },
    ];
    expect(all(of(...start)).messages).toMatchObject([{ kind: "shell", state: "streaming", id: "prm_1" }]);
    const ended = of(...start, {
      type: "turn.ended",
      data: { turnId: "turn_1", promptId: "prm_1", outcome: "done" },
    });
    expect(all(ended).messages).toMatchObject([{ kind: "shell", state: "done", parts: [{ text: "ask 1" }] }]);
  });
  it("follows edits and cancellations of what waits", () => {
    const timeline = of(
      queued(1),
      queued(2),
      { type: "prompt.edited", data: { promptId: "prm_2", text: "other" } },
      { type: "prompt.cancelled", data: { promptId: "prm_1" } },
    );
    expect(timeline.queue).toMatchObject([{ promptId: "prm_2", parts: [{ text: "other" }] }]);
  });
});

describe("the line of waiting prompts", () => {
  const moved = (n: number, position: number): EventBody => ({
    type: "prompt.moved",
    data: { promptId: `prm_${n}`, position },
  });
  const started = (n: number): EventBody => ({ type: "prompt.started", data: { promptId: `prm_${n}` } });
  const edited = (n: number, text: string): EventBody => ({
    type: "prompt.edited",
    data: { promptId: `prm_${n}`, text },
  });
  const line = (timeline: Timeline) => timeline.queue.map(({ promptId }) => promptId);
  const four = [queued(1), queued(2), queued(3), queued(4)];

  it.each([
    ["to the front", moved(3, 1), [3, 1, 2, 4]],
    ["back", moved(1, 3), [2, 3, 1, 4]],
    ["to its own place", moved(2, 2), [1, 2, 3, 4]],
    ["behind the last", moved(2, 9), [1, 3, 4, 2]],
    ["as one that does not wait", moved(7, 1), [1, 2, 3, 4]],
  ])("keeps its order but for one that is moved %s", (_where, move, order) => {
    expect(line(of(...four, move))).toEqual(order.map((n) => `prm_${n}`));
  });
  it("shows an edit at the place that the prompt has now, and begins with the new text", () => {
    const timeline = of(...four, moved(3, 1), edited(3, "better"));
    expect(timeline.queue[0]).toMatchObject({ promptId: "prm_3", by: "usr_1", parts: [{ text: "better" }] });
    const begun = of(...four, moved(3, 1), edited(3, "better"), started(3));
    expect(messageOf(begun, "prm_3")).toMatchObject({ state: "done", parts: [{ text: "better" }] });
    expect(line(begun)).toEqual(["prm_1", "prm_2", "prm_4"]);
  });
  it("is left as it is by an edit or a move of what has begun", () => {
    const begun = of(...four, started(1));
    const late = of(...four, started(1), edited(1, "late"), moved(1, 1));
    expect(line(late)).toEqual(line(begun));
    expect(messageOf(late, "prm_1")).toEqual(messageOf(begun, "prm_1"));
  });
  it("is the same for whoever opens the page between a move and what follows it", () => {
    const events = numbered([
      ...plainTurn(9),
      ...four,
      moved(4, 1),
      edited(4, "better"),
      started(4),
      { type: "prompt.cancelled", data: { promptId: "prm_2" } },
      moved(3, 1),
    ]);
    const whole = all(timelineOf(events));
    for (const [cut] of events.entries()) {
      const opened = timelineFromWindow(all(timelineOf(events.slice(0, cut))));
      expect(all(timelineOf(events.slice(cut), opened)), `opened after ${cut}`).toEqual(whole);
    }
  });
});

describe("a prompt that is cancelled after its start", () => {
  const begun = (kind: "prompt" | "shell"): EventBody[] => [
    queued(1, kind),
    { type: "prompt.started", data: { promptId: "prm_1" } },
  ];
  const cancelled = (reason?: string): EventBody => ({
    type: "prompt.cancelled",
    data: { promptId: "prm_1", ...(reason === undefined ? {} : { reason }) },
  });
  const started: EventBody = { type: "turn.started", data: { turnId: "turn_1", promptId: "prm_1" } };

  it.each(["prompt", "shell"] as const)("closes a %s and says why nothing came of it", (kind) => {
    const timeline = of(...begun(kind), cancelled("Stopped before it began."));
    expect(all(timeline).messages).toMatchObject([
      { id: "prm_1", state: "done", cancelled: { reason: "Stopped before it began." } },
    ]);
    expect(timeline.openMessageIds).toEqual([]);
    expect(messageOf(of(...begun(kind), cancelled()), "prm_1")?.cancelled).toEqual({});
    expect(messageOf(of(...begun(kind)), "prm_1")).not.toHaveProperty("cancelled");
  });
  it("leaves the next prompt's message alone", () => {
    const timeline = of(...begun("prompt"), cancelled(), ...plainTurn(2));
    expect(all(timeline).messages.map((m) => [m.promptId, m.cancelled])).toEqual([
      ["prm_1", {}],
      ["prm_2", undefined],
      [undefined, undefined],
    ]);
  });
  it("runs after all when its turn is heard of", () => {
    const timeline = of(...begun("shell"), cancelled(), started);
    expect(messageOf(timeline, "prm_1")).toMatchObject({ turnId: "turn_1", state: "streaming" });
    expect(messageOf(timeline, "prm_1")).not.toHaveProperty("cancelled");
  });
  it("is left to the turn that has begun", () => {
    const timeline = of(...begun("shell"), started, cancelled());
    expect(messageOf(timeline, "prm_1")).toMatchObject({ state: "streaming" });
    expect(messageOf(timeline, "prm_1")).not.toHaveProperty("cancelled");
  });
});
