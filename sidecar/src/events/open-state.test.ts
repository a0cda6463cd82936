import { expect, it } from "vitest";
import type { EventBody } from "../contract";
import { OpenState } from "./open-state";

const requestsClosed = (state: OpenState) =>
  state.closers("interrupted", 0).flatMap((event) => (event.type === "request.closed" ? [event.data] : []));

it("closes a request of the running turn, and none of a turn that has ended", () => {
  const state = new OpenState();
  const turn = { turnId: "trn_1", promptId: "prm_1" };
  const opened: EventBody[] = [
    { type: "turn.started", data: turn },
    { type: "request.opened", data: { requestId: "req_1", kind: "permission", title: "Run", detail: "ls" } },
  ];
  for (const event of opened) state.apply(event, 0);
  expect(requestsClosed(state)).toEqual([{ requestId: "req_1", outcome: "withdrawn" }]);
  // Answered: the server closed it, so that nothing of it is among the sidecar's own events.
  state.apply({ type: "turn.ended", data: { ...turn, outcome: "done" } }, 0);
  expect(requestsClosed(state)).toEqual([]);
  expect(state.hasOpenItems).toBe(false);
});
