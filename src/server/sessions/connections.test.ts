import { sql } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
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

describe("the event stream of a session's container", () => {
  let t: TestDatabase;
  let log: EventLog;
  let sidecar: SidecarStandIn;
  let connections: Connections;
  let errors: string[];
  let forged: IngestError[];
  let caughtUp: string[];
  let taken: number;
  let onProgress: () => void;

  beforeEach(async () => {
    t = testDatabase();
    log = createEventLog(t);
    sidecar = await serveSidecarStandIn();
    onProgress = () => undefined;
    [errors, forged, caughtUp, taken] = [[], [], [], 0];
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
      onTaken: (batch) => void (taken += batch.length),
      onProgress: () => onProgress(),
      onCaughtUp: (sessionId) => void caughtUp.push(sessionId),
      onForged: (_sessionId, error) => void forged.push(error),
    });
  });
  afterEach(async () => {
    await connections.closeAll();
    await sidecar[Symbol.asyncDispose]();
    t[Symbol.dispose]();
  });

  const open = () =>
    connections.open({
      sessionId: t.sessionId,
      instanceId: "ins_1",
      endpoint: { sidecarSocket: sidecar.socketPath, egressSocket: "" },
      secrets: { bearer: "b", egressSecret: "e", token: "t", publicKey: "p", contract: CONTRACT_VERSION },
    });
  const eventually = (check: () => void) => vi.waitFor(check, 15_000);

  it("is given up with the reason when it brings, again and again, what no sidecar of ours says", async () => {
    sidecar.emit({ type: "part.teleported", data: {} });
    open();
    await eventually(() => expect(forged).toHaveLength(1));
    expect(forged[0]).toMatchObject({ code: "malformed" });
    expect(sidecar.streams).toBe(3);
    expect(log.read(t.sessionId, 0)).toEqual([]);
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
