import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RequestReply } from "../../../sidecar/src/protocol";
import type { Caller } from "../auth/caller";
import { requests as requestRows, sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import type { AppError } from "../errors";
import { createEventLog, type EventLog } from "../events/event-log";
import { ingest } from "../events/ingest";
import { SESSION_LIMITS } from "../sessions/limits";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { createRequests, type Requests } from "./requests";

describe("requests", () => {
  let t: TestDatabase;
  let log: EventLog;
  let requests: Requests;
  let owner: Caller;
  let reachable: boolean;
  let delivered: [string, RequestReply][];
  let n: number;

  const agent: Pick<SidecarClient, "reply"> = {
    async reply(id, reply) {
      if (!reachable) throw new SidecarError("unreachable", "away");
      delivered.push([id, reply]);
      return { delivered: true, gone: false };
    },
  };
  const opened = (requestId: string, over: object = {}) => {
    const data = {
      requestId,
      kind: "permission",
      title: "Run `npm test`",
      detail: "npm test",
      patterns: ["npm test"],
      ...over,
    };
    const event = { epoch: 1, n: ++n, at: "2026-11-01T00:00:00.000Z", type: "request.opened", data } as const;
    ingest(log, t.sessionId, [event], (tx, id, body) => requests.onEvent(tx, id, body));
  };
  const refusedAs = (reason: string) => expect.objectContaining({ reason }) as AppError;

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    reachable = true;
    delivered = [];
    n = 0;
    owner = {
      userId: t.userId,
      email: "o@example.test",
      name: "Owner",
      role: "owner",
      via: { kind: "token", tokenId: "tok_1", scopes: null },
    };
    requests = createRequests({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      clientOf: () => agent as SidecarClient,
    });
  });
  afterEach(() => t[Symbol.dispose]());

  it("become rows with a deadline and a default when the agent asks", () => {
    opened("req_1", { always: ["npm *"] });
    opened("req_2");
    const [item, plain] = requests.list(owner, { limit: 10, open: true }).items;
    expect(item).toMatchObject({
      id: "req_1",
      kind: "permission",
      patterns: ["npm test"],
      always: ["npm *"],
      default: "reject",
      open: true,
    });
    expect(plain).toMatchObject({ id: "req_2", always: null });
    expect(Date.parse(item?.deadline ?? "")).toBe(t.clock.now() + SESSION_LIMITS.requestDeadlineMs);
  });

  it("take the first answer and refuse the second, however close", async () => {
    opened("req_1");
    const answers = await Promise.allSettled([
      requests.respond(owner, "req_1", { reply: "once" }),
      requests.respond(owner, "req_1", { reply: "reject" }),
    ]);
    expect(answers.map((a) => a.status)).toEqual(["fulfilled", "rejected"]);
    expect(answers[1]).toMatchObject({ reason: refusedAs("already_answered") });
    expect(delivered).toEqual([["req_1", { reply: "once" }]]);
    expect(log.read(t.sessionId, 0).map((e) => e.type)).toEqual(["request.opened", "request.closed"]);
  });

  it.each(["stopped", "error"] as const)(
    "are neither open nor answered in a session that is %s: nobody waits there",
    async (status) => {
      opened("req_1");
      t.db.update(sessions).set({ status }).run();
      expect(requests.list(owner, { limit: 10, open: true }).items).toEqual([]);
      await expect(requests.respond(owner, "req_1", { reply: "once" })).rejects.toMatchObject({
        reason: "session_stopped",
        message: expect.stringContaining("Resume it") as string,
      });
      expect(log.read(t.sessionId, 0).map((e) => e.type)).toEqual(["request.opened"]);
    },
  );

  it("keep an answer that could not be delivered and deliver it later, once", async () => {
    opened("req_1");
    reachable = false;
    await requests.respond(owner, "req_1", { reply: "always" });
    expect(delivered).toEqual([]);
    reachable = true;
    await requests.deliver(t.sessionId);
    await requests.deliver(t.sessionId);
    expect(delivered).toEqual([["req_1", { reply: "always" }]]);
  });

  it("are rejected at their deadline", async () => {
    opened("req_1");
    expect(requests.expire()).toEqual([]);
    t.clock.advance(SESSION_LIMITS.requestDeadlineMs);
    expect(requests.expire()).toEqual([t.sessionId]);
    await requests.deliver(t.sessionId);
    expect(delivered).toEqual([["req_1", { reply: "reject", message: "Nobody answered in time." }]]);
  });

  it("are rejected by the time that has passed, whatever somebody sets the date to", () => {
    opened("req_1");
    expect(requests.expire()).toEqual([]);
    t.clock.shift(2 * SESSION_LIMITS.requestDeadlineMs);
    expect(requests.expire()).toEqual([]);
    t.clock.shift(-4 * SESSION_LIMITS.requestDeadlineMs);
    t.clock.advance(SESSION_LIMITS.requestDeadlineMs);
    expect(requests.expire()).toEqual([t.sessionId]);
  });

  it("are withdrawn when the agent stops waiting, and then take no answer", async () => {
    opened("req_1");
    const event = {
      epoch: 1,
      n: ++n,
      at: "2026-11-01T00:00:00.000Z",
      type: "request.closed",
      data: { requestId: "req_1", outcome: "withdrawn" },
    } as const;
    ingest(log, t.sessionId, [event], (tx, id, body) => requests.onEvent(tx, id, body));
    await expect(requests.respond(owner, "req_1", { reply: "once" })).rejects.toEqual(
      refusedAs("already_answered"),
    );
  });

  it("refuse strangers, viewers and answers that do not fit", async () => {
    opened("req_1");
    opened("req_2", { kind: "question", questions: [{ question: "Which?", header: "Pick", options: [] }] });
    await expect(
      requests.respond({ ...owner, userId: "usr_bob", role: "admin" }, "req_1", { reply: "once" }),
    ).rejects.toEqual(refusedAs("not_found"));
    await expect(requests.respond({ ...owner, role: "viewer" }, "req_1", { reply: "once" })).rejects.toEqual(
      refusedAs("not_found"),
    );
    await expect(requests.respond(owner, "req_1", { answers: [["a"]] })).rejects.toEqual(
      refusedAs("bad_input"),
    );
    await expect(requests.respond(owner, "req_2", { answers: [] })).rejects.toEqual(refusedAs("bad_input"));
    await expect(requests.respond(owner, "req_2", { reply: "once" })).rejects.toEqual(refusedAs("bad_input"));
    expect(delivered).toEqual([]);
  });

  it("are each delivered when two are answered at the same time", async () => {
    opened("req_1");
    opened("req_2");
    await Promise.all([
      requests.respond(owner, "req_1", { reply: "once" }),
      requests.respond(owner, "req_2", { reply: "reject" }),
    ]);
    expect(delivered.map(([id]) => id).toSorted()).toEqual(["req_1", "req_2"]);
  });

  it("stay as they are when the agent tells of them again", async () => {
    opened("req_1");
    await requests.respond(owner, "req_1", { reply: "once" });
    opened("req_1");
    expect(requests.list(owner, { limit: 10 }).items).toMatchObject([
      { id: "req_1", open: false, outcome: "once" },
    ]);
  });

  it("cannot be opened under the id of another session's request", () => {
    opened("req_1");
    t.addSession("ses_other000000000");
    const event = {
      epoch: 1,
      n: 1,
      at: "2026-11-01T00:00:00.000Z",
      type: "request.opened",
      data: { requestId: "req_1", kind: "permission", title: "x", detail: "x" },
    } as const;
    expect(() =>
      ingest(log, "ses_other000000000", [event], (tx, id, body) => requests.onEvent(tx, id, body)),
    ).toThrow("another session");
    expect(t.db.select().from(requestRows).where(eq(requestRows.id, "req_1")).get()?.sessionId).toBe(
      t.sessionId,
    );
  });

  it("stay with the session that was copied when the copy's container tells of them", () => {
    opened("req_1");
    t.addSession("ses_copy000000000", { conversationOf: t.sessionId });
    const data = { requestId: "req_1", kind: "permission" as const, title: "x", detail: "x" };
    const told = [
      { type: "request.opened" as const, data },
      { type: "request.closed" as const, data: { requestId: "req_1", outcome: "withdrawn" as const } },
    ].map((body, at) => ({ ...body, epoch: 1, n: at + 1, at: "2026-11-01T00:00:00.000Z" }));
    ingest(log, "ses_copy000000000", told, (tx, id, body) => requests.onEvent(tx, id, body));
    expect(requests.list(owner, { limit: 10 }).items).toMatchObject([
      { id: "req_1", sessionId: t.sessionId, open: true },
    ]);
  });
});
