import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  CONTRACT_VERSION,
  eventStreamLine,
  healthResponse,
  offerResponse,
} from "../../../sidecar/src/protocol";
import type { Caller } from "../auth/caller";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { masterKeyOf } from "../keys/master-key";
import { instanceSecretsOwner } from "../keys/sealed-records";
import { createSecretBox } from "../keys/secret-box";
import { createAdmission } from "./admission";
import { type Connections, createConnections } from "./connections";
import { engineStandIn, type EngineStandIn } from "./engine-stand-in.testing";
import { createKeyedMutex } from "./keyed-mutex";
import { createLifecycle, type Lifecycle } from "./lifecycle";
import { createPromptQueue } from "./prompt-queue";
import { createProvisioner } from "./provisioner";
import { createRegistrar } from "./registration";

/** What a container of the session image said that was built before terminals told of foreground jobs. */
const recorded = z
  .record(z.string(), z.unknown())
  .and(z.object({ lines: z.array(z.unknown()), terminals: z.record(z.string(), z.unknown()) }))
  .parse(
    JSON.parse(
      readFileSync(join(import.meta.dirname, "../sidecar-client/fixtures/sidecar-0.1.0.json"), "utf8"),
    ),
  );

const object = z.record(z.string(), z.unknown());
const INSTANCE = "ins_old000000000";

/** A container of an older server, and the server that comes after. */
describe("a container that an older server left running", () => {
  let t: TestDatabase;
  let log: EventLog;
  let engine: EngineStandIn;
  let connections: Connections;
  let lifecycle: Lifecycle;
  let owner: Caller;
  const box = createSecretBox(masterKeyOf(randomBytes(32)));
  const row = () => t.db.select().from(sessions).where(eq(sessions.id, t.sessionId)).get();

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    engine = engineStandIn();
    engine.images.set("session:now", "good");
    owner = {
      userId: t.userId,
      email: "o@example.test",
      name: "Owner",
      role: "owner",
      via: { kind: "token", tokenId: "tok_1", scopes: null },
    };
    const logger = pino({ level: "silent" });
    const { driver } = engine;
    const mutex = createKeyedMutex();
    connections = createConnections({
      db: t.db,
      log,
      logger,
      driver,
      egress: { listen: async () => ({ close: async () => undefined }) },
      onEvent: () => undefined,
      onTaken: () => undefined,
      onCaughtUp: () => undefined,
      onProgress: () => undefined,
      onForged: (_, error) => expect.unreachable(error.message),
    });
    const shared = { ...t, log, logger, driver, connections, registrar: createRegistrar({ ...t, log, box }) };
    const provisioner = createProvisioner({
      ...shared,
      image: "session:now",
      credentialsFor: () => [],
      meters: { startStep: () => undefined, startEnded: () => undefined },
    });
    const queue = createPromptQueue({ ...shared, mutex, clientOf: () => null, connectionOf: () => null });
    lifecycle = createLifecycle({
      ...shared,
      admission: createAdmission({
        ...shared,
        provisioner,
        maxSessions: 5,
        ping: async () => undefined,
        onStarted: async () => undefined,
        signal: new AbortController().signal,
      }),
      queue,
      mutex,
      halting: new Set(),
      requireDisk: () => undefined,
      snapshots: { requireUnused: () => undefined, removeAll: () => Promise.resolve() },
      onAdopt: () => undefined,
    });
  });
  afterEach(async () => {
    await lifecycle.close();
    await connections.closeAll();
    await engine[Symbol.asyncDispose]();
    t[Symbol.dispose]();
  });

  /** The row as it was before sessions knew their images, sealed as servers of the time did. */
  const leave = async (contract: number) => {
    const secrets = { bearer: "b", egressSecret: "e", token: "t", publicKey: "p", contract };
    const instanceSecrets = box.seal(JSON.stringify(secrets), instanceSecretsOwner(t.sessionId, INSTANCE));
    t.db.update(sessions).set({ status: "active", instanceId: INSTANCE, instanceSecrets }).run();
    const sidecar = await engine.running(INSTANCE);
    sidecar.intercept = async (path) =>
      path === "/terminals" ? { status: 200, body: recorded.terminals } : null;
    return sidecar;
  };

  it("is taken up with all it says, and stays, where the two can talk", async () => {
    const said = recorded.lines.flatMap((line) => {
      const parsed = eventStreamLine.parse(line);
      return parsed.kind === "events" ? parsed.events : [];
    });
    expect(said.length).toBeGreaterThan(20);
    const sidecar = await leave(CONTRACT_VERSION);
    for (const { type, data } of said) sidecar.emit({ type, data: object.parse(data) });
    await lifecycle.reconcile();
    await vi.waitFor(() => expect(row()).toMatchObject({ heldN: said.length }), 15_000);
    expect(log.read(t.sessionId, 0).map(({ type, data }) => ({ type, data }))).toEqual(
      said.map(({ type, data }) => ({ type, data })),
    );
    expect(await connections.get(t.sessionId)?.client.listTerminals()).toEqual([recordedTerminal()]);
    expect(row()).toMatchObject({ status: "active", instanceId: INSTANCE });
    expect(engine.containers()).toEqual([INSTANCE]);
  });

  it.each([
    ["an older", CONTRACT_VERSION - 1],
    ["a newer", CONTRACT_VERSION + 1],
  ])("and speaks %s contract is ended with what to do, and the session resumes", async (which, contract) => {
    await leave(contract);
    await lifecycle.reconcile();
    expect(row()).toMatchObject({ status: "error", instanceId: null, instanceSecrets: null });
    expect(row()?.reason).toMatchObject({
      code: "other_version",
      message: expect.stringContaining(`was started by ${which} OpenAgent`) as string,
    });
    expect(engine.containers()).toEqual([]);
    await lifecycle.resume(owner, t.sessionId);
    await vi.waitFor(() => expect(row()).toMatchObject({ status: "idle", reason: null }), 15_000);
    expect(row()).toMatchObject({ image: "session:now", readyImage: "session:now", version: "1.2.3" });
  });

  it("is understood in what it says before it is registered", () => {
    expect(healthResponse.parse(recorded.healthBefore)).toMatchObject({ registered: false, agent: "off" });
    expect(healthResponse.parse(recorded.health)).toMatchObject({ registered: true, agent: "ready" });
    expect(offerResponse.parse(recorded.offer)).toMatchObject({ contract: 1, version: "0.1.0" });
  });

  function recordedTerminal(): object {
    const [terminal] = z
      .object({ terminals: z.array(z.record(z.string(), z.unknown())) })
      .parse(recorded.terminals).terminals;
    expect(terminal).not.toHaveProperty("foreground");
    return terminal ?? {};
  }
});
