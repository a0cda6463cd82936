import { sql } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { MAX_EVENT_BYTES } from "../../../sidecar/src/contract";
import { CONTRACT_VERSION } from "../../../sidecar/src/protocol";
import type { Driver } from "../../drivers/driver";
import { currentRequestId, inRequest } from "../request-scope";
import { testDatabase, type TestDatabase } from "../db/testing";
import type { EgressGate } from "../egress/egress-gate";
import { createEventLog, type EventLog } from "../events/event-log";
import type { IngestError } from "../events/ingest";
import { type Connections, createConnections } from "./connections";
import { serveSidecarStandIn, type SidecarStandIn } from "./sidecar-stand-in.testing";

const logLine = z.object({ level: z.number(), msg: z.string(), err: z.object({ message: z.string() }) });
const ERROR_LEVEL = 50;
const OTHER = "ses_other000000000";

describe("the event stream of a session's container", () => {
  let t: TestDatabase;
  let log: EventLog;
  let sidecar: SidecarStandIn;
  let connections: Connections;
  let errors: string[];
  let forged: IngestError[];
  let forgedSessions: string[];
  let caughtUp: string[];
  let taken: number;
  let onProgress: () => void;

  beforeEach(async () => {
    t = testDatabase();
    log = createEventLog(t);
    sidecar = await serveSidecarStandIn();
    onProgress = () => undefined;
    [errors, forged, forgedSessions, caughtUp, taken] = [[], [], [], [], 0];
    const write = (text: string) => {
      const line = logLine.parse(JSON.parse(text));
      if (line.level >= ERROR_LEVEL) errors.push(line.err.message);
    };
    connections = createConnections({
      db: t.db,
      log,
      logger: pino({}, { write }),
      driver: {} as Driver,
      egress: {} as EgressGate,
      onEvent: () => undefined,
      onTaken: (count) => void (taken += count),
      onProgress: () => onProgress(),
      onCaughtUp: (sessionId) => void caughtUp.push(sessionId),
      onForged: (sessionId, error) => {
        forgedSessions.push(sessionId);
        forged.push(error);
      },
    });
  });
  afterEach(async () => {
    await connections.closeAll();
    await sidecar[Symbol.asyncDispose]();
    t[Symbol.dispose]();
  });

  const opening = ({ socketPath }: SidecarStandIn) => ({
    sessionId: t.sessionId,
    instanceId: "ins_1",
    endpoint: { sidecarSocket: socketPath, egressSocket: "" },
    secrets: { bearer: "b", egressSecret: "e", token: "t", publicKey: "p", contract: CONTRACT_VERSION },
  });
  const open = () => connections.open(opening(sidecar));
  const eventually = (check: () => void) => vi.waitFor(check, 15_000);

  it("is told to be caught up by the heartbeat after what waited, not by the one that greets", async () => {
    sidecar.emit({ type: "todo.updated", data: { todos: [] } });
    open();
    await eventually(() => expect(log.read(t.sessionId, 0)).toHaveLength(1));
    expect(caughtUp).toEqual([]);
    sidecar.heartbeat();
    await eventually(() => expect(caughtUp).toEqual([t.sessionId]));
  });

  it("is given up with the reason when it brings, again and again, what no sidecar of ours says", async () => {
    sidecar.emit({ type: "part.teleported", data: {} });
    open();
    await eventually(() => expect(forged).toHaveLength(1));
    expect(forged[0]).toMatchObject({ code: "malformed" });
    expect(sidecar.streams).toBe(3);
    expect(log.read(t.sessionId, 0)).toEqual([]);
  });

  const event = (over: object) => ({
    ...{ epoch: 1, n: 1, at: "2026-11-01T00:00:00.000Z", type: "changes.updated", data: { files: [] } },
    ...over,
  });
  const batch = (...events: object[]) => JSON.stringify({ kind: "events", events });
  const delta = (over: object, text = "t") =>
    event({ type: "part.delta", data: { messageId: "m", partId: "p", text }, ...over });

  it.each([
    ["that skips a number", [delta({ n: 2 })], "gap"],
    ["whose order is turned round", [delta({ n: 2 }), delta({ n: 1 })], "gap"],
    ["of an epoch that nobody opened", [delta({ epoch: 9 })], "foreign_epoch"],
    ["with another text than before", [delta({}), delta({}, "other")], "rewritten"],
    ["with another time than before", [delta({}), delta({ at: "2027-01-01T00:00:00.000Z" })], "rewritten"],
    ["with data of another type", [event({ type: "part.delta" })], "malformed"],
    ["with more text than an event may hold", [delta({}, "x".repeat(MAX_EVENT_BYTES + 1))], "malformed"],
    [
      "with an id that is too long",
      [delta({ data: { messageId: "m".repeat(129), partId: "p", text: "" } })],
      "malformed",
    ],
  ])(
    "is refused at once, with the reason, at an event %s; nothing of that batch is kept",
    async (_, events, code) => {
      t.addSession(OTHER);
      const connection = open();
      await eventually(() => expect(sidecar.streams).toBe(1));
      sidecar.say(batch(...events));
      await eventually(() => expect(forged).toMatchObject([{ code }]));
      expect(log.read(t.sessionId, 0)).toEqual([]);
      expect(log.read(OTHER, 0)).toEqual([]);
      // Nobody takes anything from it after that.
      sidecar.say(batch(delta({})));
      await connections.close(connection.sessionId);
      expect([sidecar.streams, log.read(t.sessionId, 0)]).toEqual([1, []]);
    },
  );

  it.each([
    [
      "of a type that the server alone makes",
      batch(event({ type: "session.updated", data: { title: "Mine" } })),
    ],
    ["that starts a prompt by itself", batch(event({ type: "prompt.started", data: { promptId: "prm_1" } }))],
    ["with a number that is none", batch(delta({ n: 0 }))],
    ["with a time that is none", batch(delta({ at: "yesterday" }))],
    [
      "in a batch of more than a thousand",
      batch(...Array.from({ length: 1001 }, (_, i) => delta({ n: i + 1 }))),
    ],
    ["that never ends", "x".repeat(33 * 1024 * 1024)],
    ["that is no JSON", '{"kind":"events","events":['],
  ])("is given up when it keeps bringing an event %s", async (_, line) => {
    open();
    for (let stream = 1; stream <= 3; stream += 1) {
      await eventually(() => expect(sidecar.streams).toBe(stream));
      sidecar.say(line);
    }
    await eventually(() => expect(forged).toMatchObject([{ code: "malformed" }]));
    expect(log.read(t.sessionId, 0)).toEqual([]);
  });

  it("of another session goes on as before when one is refused in the same moment", async () => {
    t.addSession(OTHER);
    await using other = await serveSidecarStandIn();
    open();
    connections.open({ ...opening(other), sessionId: OTHER, instanceId: "ins_2" });
    await eventually(() => expect([sidecar.streams, other.streams]).toEqual([1, 1]));
    sidecar.say(batch(delta({ n: 7 })));
    other.emit({ type: "changes.updated", data: { files: [] } });
    await eventually(() => expect(forged).toHaveLength(1));
    other.emit({ type: "todo.updated", data: { todos: [] } });
    await eventually(() =>
      expect(log.read(OTHER, 0).map(({ seq, type }) => `${seq} ${type}`)).toEqual([
        "1 changes.updated",
        "2 todo.updated",
      ]),
    );
    expect([forgedSessions, log.read(t.sessionId, 0), other.streams]).toEqual([[t.sessionId], [], 1]);
  });

  it("tells its sidecar what is held at the end of a turn, and after many events in the middle of one", async () => {
    open();
    await eventually(() => expect(sidecar.streams).toBe(1));
    const some = (from: number, count: number) =>
      batch(...Array.from({ length: count }, (_, i) => delta({ n: from + i })));
    sidecar.say(some(1, 499));
    await eventually(() => expect(log.read(t.sessionId, 498)).toHaveLength(1));
    expect(sidecar.acknowledged).toEqual([]);
    sidecar.say(some(500, 1));
    await eventually(() => expect(sidecar.acknowledged).toEqual([{ epoch: 1, n: 500 }]));
    const data = { turnId: "trn_1", promptId: "prm_1", outcome: "done" };
    sidecar.say(batch(event({ n: 501, type: "turn.ended", data })));
    await eventually(() => expect(sidecar.acknowledged.at(-1)).toEqual({ epoch: 1, n: 501 }));
  });

  it("goes on where it was when the database takes writes again, and says once meanwhile that it does not", async () => {
    t.db.run(sql`create trigger full before insert on events begin select raise(fail, 'disk full'); end`);
    sidecar.emit({ type: "changes.updated", data: { files: [] } });
    open();
    await eventually(() => expect(sidecar.streams).toBeGreaterThanOrEqual(4));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain("disk full");
    t.db.run(sql`drop trigger full`);
    await eventually(() => expect(log.read(t.sessionId, 0).map((e) => e.type)).toEqual(["changes.updated"]));
    expect(forged).toEqual([]);
  });

  it("is told of as coming in while it does, with what was committed", async () => {
    expect(connections.isStreaming(t.sessionId)).toBe(false);
    open();
    await eventually(() => expect(connections.isStreaming(t.sessionId)).toBe(true));
    for (let n = 0; n < 3; n += 1) sidecar.emit({ type: "changes.updated", data: { files: [] } });
    await eventually(() => expect(taken).toBe(3));
    await sidecar[Symbol.asyncDispose]();
    await eventually(() => expect(connections.isStreaming(t.sessionId)).toBe(false));
    expect(connections.isStreaming("ses_that_never_was")).toBe(false);
  });

  it("belongs to no request, whichever began it", async () => {
    const ids: (string | null)[] = [];
    onProgress = () => void ids.push(currentRequestId());
    inRequest("rq_that_creates_it", open);
    await eventually(() => expect(ids.length).toBeGreaterThan(0));
    expect(new Set(ids)).toEqual(new Set([null]));
  });
});
