import { describe, expect, it, vi } from "vitest";
import { randomEvents } from "../../timeline/testing";
import { parseEvent } from "./parse-event";
import { parseAll } from "../_client/parse-json";
import { parseRequest, parseSession } from "./parse-rows";
import { sessionAt } from "./session-source.testing";

const session = sessionAt(7);
const request = {
  id: "req_1",
  sessionId: "ses_1",
  kind: "permission",
  title: "run",
  detail: "npm test",
  patterns: null,
  always: ["npm *"],
  questions: null,
  openedAt: "2026-11-25T10:00:00.000Z",
  deadline: "2026-11-25T11:00:00.000Z",
};

describe("rows of the mirror", () => {
  it("gives a session with what the caller has read", () => {
    expect(parseSession({ data: JSON.stringify(session), unread: true })).toEqual({
      ...session,
      unread: true,
    });
  });

  it("gives a session that an older server wrote as one with no limit of its own", () => {
    const { idleStopMinutes: _, stopsAt: __, ...older } = session;
    expect(parseSession({ data: JSON.stringify(older), unread: false })).toEqual(session);
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "7"],
    ["no model", JSON.stringify({ ...session, model: null })],
    ["no owner", JSON.stringify({ ...session, owner: { id: "usr_1" } })],
    ["a reason without a sentence", JSON.stringify({ ...session, reason: { code: "x" } })],
    ["a number for a title", JSON.stringify({ ...session, title: 7 })],
  ])("has no session in it: %s", (_what, data) => {
    expect(parseSession({ data, unread: false })).toBeNull();
  });

  it("gives a request, and none of the wrong form", () => {
    expect(parseRequest({ data: JSON.stringify(request) })).toEqual(request);
    expect(parseRequest({ data: JSON.stringify({ ...request, questions: "all" }) })).toBeNull();
    expect(parseRequest({ data: JSON.stringify({ ...request, always: [{ toString: 1 }] }) })).toBeNull();
    expect(parseRequest({ data: JSON.stringify({ ...request, always: undefined }) })?.always).toBeNull();
  });

  it("leaves out and reports what cannot be read, and keeps the rest", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const rows = [{ data: JSON.stringify(request) }, { data: "{" }];
    expect(parseAll(rows, parseRequest)).toEqual([request]);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});

describe("events of the mirror", () => {
  it("come back as the log has them, of every kind", () => {
    for (const event of randomEvents(11, 400)) {
      const { seq, at, type, data } = event;
      expect(parseEvent({ seq, at, type, data: JSON.stringify(data) })).toEqual(event);
    }
  });

  it.each([
    ["of an unknown type", "part.sung", '{"messageId":"m","partId":"p"}'],
    ["named as what every object has", "toString", "{}"],
    ["without what its type needs", "part.delta", '{"messageId":"m","partId":"p"}'],
    ["with something else for a list", "todo.updated", '{"todos":{}}'],
    [
      "with something else for an object",
      "tool.input",
      '{"messageId":"m","partId":"p","tool":"bash","input":[]}',
    ],
    ["that is no JSON", "error", "{"],
  ])("are nothing: one %s", (_what, type, data) => {
    expect(parseEvent({ seq: 1, at: "2026-11-25T10:00:00.000Z", type, data })).toBeNull();
  });
});
