import { describe, expect, it } from "vitest";
import type { EventBody, SidecarEventBody } from "../contract";
import { Normaliser } from "../events/normaliser";
import { OpenState } from "../events/open-state";
import { historyOf, ofType, RECORDINGS, recording, replay, textOf } from "../events/recordings.testing";
import { createLog } from "../log";
import type { AgentClient } from "../opencode/client";
import type { AgentEvent } from "../opencode/wire";
import { MissedEvents } from "./missed-events";

const turn = { turnId: "trn_1", promptId: "prm_1" };
const log = createLog(() => {});

function stateAfter(events: readonly EventBody[]): OpenState {
  const state = new OpenState();
  for (const event of events) state.apply(event, 0);
  return state;
}

/** What a new process adds to the events that an older one had stored when it died, up to the turn's end. */
async function takenUp(stored: OpenState, source: readonly AgentEvent[]): Promise<SidecarEventBody[]> {
  const told = stored.told();
  if (!told) throw new Error("no turn is open");
  const normaliser = new Normaliser({ mainSessionId: "ses_main", workspace: "/workspace" });
  normaliser.takeUpTurn(told);
  const client: Pick<AgentClient, "history"> = {
    history: async (id) => historyOf(source).filter(({ info }) => info.sessionID === id),
  };
  const events: SidecarEventBody[] = [];
  const emit = (some: readonly SidecarEventBody[]) => {
    events.push(...some);
    for (const event of some) stored.apply(event, 0);
  };
  const missed = new MissedEvents({
    ...{ sessionId: "ses_main", normaliser, emit, log },
    client: () => client as AgentClient,
  });
  await missed.fromStore(() => true);
  emit(normaliser.endTurn());
  emit(stored.closers("interrupted", 0));
  emit([{ type: "turn.ended", data: { ...turn, outcome: "interrupted" } }]);
  return events;
}

/** What starts or ends more than once, and what ends without a start or not at all. */
function faultsOf(events: readonly SidecarEventBody[]): string[] {
  const open = new Set<string>();
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const { type, data } of events) {
    const [kind, act] = type.split(".");
    if (!["message", "part", "tool", "child"].includes(kind ?? "")) continue;
    const id = "partId" in data && kind !== "child" ? data.partId : "messageId" in data ? data.messageId : "";
    const name = kind === "child" && "childId" in data ? (data.childId ?? "") : (id ?? "");
    if (act === "started" && seen.has(name)) faults.push(`${type} ${name} again`);
    if (act !== "started" && !open.has(name)) faults.push(`${type} ${name} is not open`);
    if (act === "started") open.add(name);
    seen.add(name);
    if (act === "ended") open.delete(name);
  }
  return [...faults, ...[...open].map((name) => `${name} does not end`)];
}

describe.each(RECORDINGS)("recorded turn %s, taken up by another process", (name) => {
  const source = recording(name);
  const whole: SidecarEventBody[] = [{ type: "turn.started", data: turn }, ...replay(source)];
  const stored = new Map(historyOf(source).flatMap(({ parts }) => parts.map((part) => [part.id, part])));

  it("is whole, wherever the first one died: nothing twice, nothing left open, every stored text there", async () => {
    for (let at = 1; at <= whole.length; at += 1) {
      const before = whole.slice(0, at);
      const state = stateAfter(before);
      const events = [...before, ...(await takenUp(state, source))];
      expect(faultsOf(events), `after ${at} events`).toEqual([]);
      for (const [id, part] of stored) {
        if (part.type !== "text" && part.type !== "reasoning") continue;
        if (part.type === "text" && (part.synthetic || part.time?.end === undefined)) continue;
        expect(textOf(events, id), `${id} after ${at} events`).toBe(part.text);
      }
      expect(state.hasOpenItems).toBe(false);
      expect(state.told()).toBeNull();
    }
  });

  it("tells each tool's end and output as it was", async () => {
    for (let at = 1; at <= whole.length; at += 1) {
      const before = whole.slice(0, at);
      const events = [...before, ...(await takenUp(stateAfter(before), source))];
      for (const { partId, status } of ofType(whole, "tool.ended")) {
        expect(ofType(events, "tool.ended")).toContainEqual(expect.objectContaining({ partId, status }));
        expect(textOf(events, partId), `${partId} after ${at} events`).toBe(textOf(whole, partId));
      }
    }
  });

  it("is known from the beginning of a compacted file as from all its events", () => {
    for (let at = 1; at <= whole.length; at += 1) {
      const state = stateAfter(whole.slice(0, at));
      const openers = state.openers(0).map(({ body }) => body);
      expect(stateAfter(openers).told()).toEqual(state.told());
    }
  });
});

it("has nothing of the turn just before it, which opencode stored, too", async () => {
  const source = recording(RECORDINGS[0] ?? "");
  const made = historyOf(source).map(({ info }) => info.time.created);
  const state = new OpenState();
  state.apply({ type: "turn.started", data: turn }, Math.max(...made) + 1);
  expect((await takenUp(state, source)).map(({ type }) => type)).toEqual(["turn.ended"]);
  // Begun before them, they are its own.
  const own = new OpenState();
  own.apply({ type: "turn.started", data: turn }, Math.min(...made));
  expect(ofType(await takenUp(own, source), "message.started")).not.toEqual([]);
});
