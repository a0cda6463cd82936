import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../../../../sidecar/src/contract";
import { numbered, plainTurn } from "../../../../../timeline/testing";
import { timelineOf } from "../../../../../timeline/timeline";
import { sameTurn, startOf, turnsOf } from "./turns";

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
