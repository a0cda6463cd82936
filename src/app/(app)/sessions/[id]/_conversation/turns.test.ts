import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../../../../sidecar/src/contract";
import { numbered, plainTurn } from "../../../../../timeline/testing";
import { timelineOf } from "../../../../../timeline/timeline";
import { lastRestores, sameTurn, startOf, turnsOf } from "./turns";

const timeline = timelineOf(numbered([...plainTurn(1), ...plainTurn(2), ...plainTurn(3)]));

describe("a conversation in turns", () => {
  it("has with what a person asked what the agent did about it, under a key that stays", () => {
    const turns = turnsOf(timeline, 0);
    expect(
      turns.map(({ key, person, agent, turn }) => [key, person?.promptId, agent.length, turn?.outcome]),
    ).toEqual([1, 2, 3].map((n) => [`prm_${n}`, `prm_${n}`, 1, "done"]));
  });

  it("begins at a person's message, so that no turn is cut in two", () => {
    expect(startOf(timeline, 6, 3)).toBe(2);
    expect(turnsOf(timeline, 2)).toHaveLength(2);
  });

  it("are folded that a restored snapshot undid, and those before and after it are not", () => {
    const restored: EventBody = {
      type: "session.restored",
      data: { snapshotId: "snp_1", name: "one", madeAt: "2026-11-23T10:00:00.000Z", seq: 13 },
    };
    const after = timelineOf(numbered([restored, ...plainTurn(4)], timeline.lastSeq + 1), timeline);
    const turns = turnsOf(after, 0);
    expect(turns.map(({ reverted }) => reverted)).toEqual([false, true, true, false]);
    expect(turns.map(({ restores }) => restores.length)).toEqual([0, 0, 0, 1]);
    expect(lastRestores(after)).toEqual([]);
    const atEnd = timelineOf(numbered([restored], timeline.lastSeq + 1), timeline);
    expect(lastRestores(atEnd)).toMatchObject([{ name: "one", afterSeq: 13, seq: 40 }]);
    expect(turnsOf(atEnd, 0).map(({ reverted }) => reverted)).toEqual([false, true, true]);
  });

  it("draws anew the turn that changed, and no other", () => {
    const rest = numbered(plainTurn(4), timeline.lastSeq + 1);
    const before = turnsOf(timelineOf(rest.slice(0, 9), timeline), 0);
    const after = turnsOf(timelineOf(rest.slice(0, 10), timeline), 0);
    expect(after.map((turn, index) => before[index] !== undefined && sameTurn(turn, before[index]))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it("tells a failure once that an event, the message and the turn tell of", () => {
    const error = { code: "provider_down", message: "The provider does not answer." };
    const failed = numbered(
      plainTurn(1).flatMap((body): EventBody[] => {
        if (body.type === "turn.ended") {
          return [
            { type: "error", data: error },
            { ...body, data: { ...body.data, outcome: "error", error } },
          ];
        }
        return [body];
      }),
    );
    expect(turnsOf(timelineOf(failed), 0)[0]?.failures).toMatchObject([error]);
  });
});
