import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../sidecar/src/contract";
import { numbered, plainTurn } from "../../timeline/testing";
import { type Timeline, timelineOf } from "../../timeline/timeline";
import { timelineFromWindow, timelineWindow } from "../../timeline/window";
import { joinOlder, keepingOlder } from "./older-messages";
import { rowOf } from "./session-source.testing";

const ids = (timeline: Timeline | null) => timeline?.messages.slice().map(({ id }) => id);
const turnsOf = (timeline: Timeline | null) => new Map([...(timeline?.turns ?? [])]);
const log = (...bodies: EventBody[][]) => numbered(bodies.flat());
const newest = (timeline: Timeline, limit: number) => timelineFromWindow(timelineWindow(timeline, { limit }));
const FIVE = log(plainTurn(1), plainTurn(2), plainTurn(3), plainTurn(4), plainTurn(5));

describe("joining older messages", () => {
  const whole = timelineOf(FIVE);
  const page = newest(whole, 4);
  const beforeSeq = page.messages.at(0)?.startedSeq ?? 0;

  it("gives what a page that held them all along would show", () => {
    const older = timelineWindow(whole, { beforeSeq, limit: 100 });
    const joined = joinOlder(page, { older, beforeSeq, recent: [] });
    expect(ids(joined)).toEqual(ids(whole));
    expect(turnsOf(joined)).toEqual(turnsOf(whole));
    expect(joined?.hasOlder).toBe(false);
    expect([...(joined?.messageIndex ?? [])].sort()).toEqual([...whole.messageIndex].sort());
  });

  it("brings them to where the page is, wherever they were read", () => {
    const later = log([
      ...plainTurn(1),
      { type: "message.started", data: { messageId: "m_long", role: "assistant" } },
      ...plainTurn(2).slice(0, -1),
      { type: "part.delta", data: { messageId: "m_long", partId: "p", text: "so it ends" } },
      { type: "message.ended", data: { messageId: "m_long", role: "assistant", cost: 1 } },
      ...plainTurn(2).slice(-1),
      ...plainTurn(3),
    ]);
    const end = timelineOf(later);
    const first = end.messages.at(3)?.startedSeq ?? 0;
    for (let cut = first; cut <= later.length; cut += 1) {
      const then = timelineOf(later.slice(0, cut));
      const older = timelineWindow(then, { beforeSeq: first, limit: 100 });
      const shown = newest(end, end.messages.length - 3);
      const joined = joinOlder(shown, { older, beforeSeq: first, recent: later.map(rowOf) });
      expect(joined?.messages.slice(), `cut ${cut}`).toEqual(end.messages.slice());
    }
  });

  it("is not done when events in between are not at hand", () => {
    const older = timelineWindow(timelineOf(FIVE.slice(0, 60)), { beforeSeq, limit: 100 });
    expect(joinOlder(page, { older, beforeSeq, recent: FIVE.slice(60).map(rowOf) })).not.toBeNull();
    expect(joinOlder(page, { older, beforeSeq, recent: FIVE.slice(61).map(rowOf) })).toBeNull();
    expect(joinOlder(page, { older, beforeSeq, recent: [] })).toBeNull();
  });

  it("is not done with what the server said of a later time", () => {
    const older = timelineWindow(timelineOf([...FIVE, ...numbered(plainTurn(6), FIVE.length + 1)]), {
      beforeSeq,
      limit: 100,
    });
    expect(joinOlder(page, { older, beforeSeq, recent: FIVE.map(rowOf) })).toBeNull();
  });

  it("is not done when the page begins elsewhere by now", () => {
    const older = timelineWindow(whole, { beforeSeq, limit: 2 });
    expect(joinOlder(newest(whole, 2), { older, beforeSeq, recent: [] })).toBeNull();
    expect(joinOlder(newest(whole, 8), { older, beforeSeq, recent: [] })).toBeNull();
  });
});

describe("a fresh snapshot", () => {
  const before = timelineOf(FIVE.slice(0, 52));
  const snapshotOf = (events: typeof FIVE, limit: number) => newest(timelineOf(events), limit);

  it("keeps the older messages where they touch", () => {
    const kept = keepingOlder(snapshotOf(FIVE, 4), before);
    expect(kept.messages.slice()).toEqual(timelineOf(FIVE).messages.slice());
    expect(turnsOf(kept)).toEqual(turnsOf(timelineOf(FIVE)));
    expect(kept.hasOlder).toBe(false);
  });

  it("says what the page did not have before either", () => {
    const kept = keepingOlder(snapshotOf(FIVE, 4), newest(before, 5));
    expect(ids(kept)).toEqual(ids(timelineOf(FIVE))?.slice(3));
    expect(kept.hasOlder).toBe(true);
  });

  it("stands alone where they do not touch, and where it reaches further back", () => {
    expect(ids(keepingOlder(snapshotOf(FIVE, 2), before))).toEqual(["msg_5_user", "msg_5_agent"]);
    const wide = snapshotOf(FIVE, 8);
    expect(keepingOlder(wide, newest(before, 2))).toEqual(wide);
    expect(ids(keepingOlder(timelineOf([]), before))).toEqual([]);
  });

  it("finds where they touch when a prompt became a message meanwhile", () => {
    const waiting = timelineOf(FIVE.slice(0, 54));
    expect(ids(waiting)?.at(-1)).toBe("prm_5");
    expect(ids(keepingOlder(snapshotOf(FIVE, 2), waiting))).toEqual(ids(timelineOf(FIVE)));
  });

  it.each([
    ["a message was being said", 52 + 9],
    ["a prompt had not become a message", 52 + 2],
    ["a prompt's turn had begun", 52 + 3],
    ["the turn had not ended", 52 + 12],
  ])("drops older messages that may have changed since: %s", (_what, cut) => {
    const more = log(
      ...[1, 2, 3, 4, 5].map((n) => plainTurn(n)),
      [{ type: "message.started", data: { messageId: "m_joint", role: "user" } }],
      plainTurn(6),
    );
    const joint: EventBody[] = [{ type: "message.started", data: { messageId: "m_joint", role: "user" } }];
    const shown = timelineOf([...more.slice(0, cut), ...numbered(joint, cut + 1)]);
    expect(ids(keepingOlder(snapshotOf(more, 3), shown))).toEqual(["m_joint", "msg_6_user", "msg_6_agent"]);
  });

  it("keeps older messages of a turn that it tells of itself", () => {
    const running = FIVE.slice(0, -1);
    const shown = timelineOf(running);
    expect(ids(keepingOlder(snapshotOf(running, 0), shown))).toEqual([]);
    expect(ids(keepingOlder(snapshotOf(running, 1), shown))).toEqual(ids(shown));
  });

  it("keeps how requests were answered, and what is open as it says itself", () => {
    const opened = (requestId: string): EventBody => ({
      type: "request.opened",
      data: { requestId, kind: "permission", title: "run", detail: "ls" },
    });
    const closed = (requestId: string): EventBody => ({
      type: "request.closed",
      data: { requestId, outcome: "once", by: "usr_1" },
    });
    const events = log([opened("a"), closed("a"), opened("b"), opened("c"), closed("b")]);
    const kept = keepingOlder(snapshotOf(events, 5), timelineOf(events.slice(0, 3)));
    expect(kept.requests.get("a")).toMatchObject({ outcome: "once", by: "usr_1" });
    expect(kept.requests.get("b")).toBeUndefined();
    expect(kept.openRequestIds).toEqual(["c"]);
  });
});
