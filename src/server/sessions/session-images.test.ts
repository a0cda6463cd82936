import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONTRACT_VERSION } from "../../../sidecar/src/protocol";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { masterKeyOf } from "../keys/master-key";
import { createSecretBox } from "../keys/secret-box";
import { type Connections, createConnections } from "./connections";
import { engineStandIn, type EngineStandIn, type ImageIs } from "./engine-stand-in.testing";
import { createProvisioner } from "./provisioner";
import { createRegistrar } from "./registration";

const [OLD, NEW, NEXT] = ["session:old", "session:new", "session:next"];

describe("the image of a session that starts again", () => {
  let t: TestDatabase;
  let log: EventLog;
  let engine: EngineStandIn;
  let connections: Connections;
  const row = () => t.db.select().from(sessions).where(eq(sessions.id, t.sessionId)).get();
  const notices = () =>
    log.read(t.sessionId, 0).flatMap(({ type, data }) => (type === "error" ? [data] : []));

  beforeEach(() => {
    t = testDatabase();
    log = createEventLog(t);
    engine = engineStandIn();
    engine.images.set(OLD, "good");
    connections = createConnections({
      db: t.db,
      log,
      logger: pino({ level: "silent" }),
      driver: engine.driver,
      egress: { listen: async () => ({ close: async () => undefined }) },
      onEvent: () => undefined,
      onTaken: () => undefined,
      onCaughtUp: () => undefined,
      onProgress: () => undefined,
      onForged: () => undefined,
    });
  });
  afterEach(async () => {
    await connections.closeAll();
    await engine[Symbol.asyncDispose]();
    t[Symbol.dispose]();
  });

  const start = async (image: string, signal = new AbortController().signal) => {
    for (const instanceId of engine.containers()) await engine.driver.remove(instanceId, 0);
    t.db.update(sessions).set({ status: "creating", instanceId: null }).run();
    const box = createSecretBox(masterKeyOf(randomBytes(32)));
    const provisioner = createProvisioner({
      ...t,
      log,
      logger: pino({ level: "silent" }),
      driver: engine.driver,
      connections,
      registrar: createRegistrar({ ...t, log, box }),
      image,
      credentialsFor: () => [],
      meters: { startStep: () => undefined, startEnded: () => undefined },
    });
    engine.started.length = 0;
    await provisioner.provision({ sessionId: t.sessionId, since: 0, waitsForEngine: false }, signal);
    await connections.close(t.sessionId);
  };

  it("is the one in force, and is remembered with what its sidecar says of itself", async () => {
    await start(OLD);
    expect(row()).toMatchObject({ status: "idle", image: OLD, readyImage: OLD, version: "1.2.3" });
    engine.images.set(NEW, "good");
    await start(NEW);
    expect(row()).toMatchObject({
      status: "idle",
      image: NEW,
      readyImage: NEW,
      readyContract: CONTRACT_VERSION,
      failedImage: null,
    });
    expect(notices()).toEqual([]);
  });

  it.each<[ImageIs, string]>([
    ["sidecar ends", "the last words"],
    ["agent fails", "The agent did not start."],
    ["other contract", "is newer than this server"],
    ["answers oddly", "does not fit this server"],
  ])("is the one before where %s on the new one, and the log says why", async (is, why) => {
    await start(OLD);
    engine.images.set(NEW, is);
    await start(NEW);
    expect(engine.started).toEqual([NEW, OLD]);
    expect(row()).toMatchObject({ status: "idle", image: OLD, readyImage: OLD, failedImage: NEW });
    expect(engine.containers()).toEqual([row()?.instanceId]);
    expect(notices()).toMatchObject([
      { code: "image_rolled_back", detail: expect.stringContaining(why) as string },
    ]);
  });

  it("stays the one before from then on, without another word, until there is a third", async () => {
    await start(OLD);
    engine.images.set(NEW, "agent fails");
    await start(NEW);
    await start(NEW);
    expect(engine.started).toEqual([OLD]);
    expect(notices()).toHaveLength(1);
    engine.images.set(NEXT, "good");
    await start(NEXT);
    expect(engine.started).toEqual([NEXT]);
    expect(row()).toMatchObject({ status: "idle", readyImage: NEXT, failedImage: null });
  });

  it("is the one in force after all where the one before starts no more", async () => {
    await start(OLD);
    engine.images.set(NEW, "agent fails");
    await start(NEW);
    engine.images.set(OLD, "agent fails").set(NEW, "good");
    await start(NEW);
    expect(engine.started).toEqual([OLD, NEW]);
    expect(row()).toMatchObject({ status: "idle", readyImage: NEW, failedImage: null });
    expect(notices()).toHaveLength(1);
  });

  it.each<[ImageIs, string]>([
    ["disk full", "out_of_disk"],
    ["engine away", "engine_unreachable"],
  ])("is not changed where it is not at fault: %s", async (is, code) => {
    await start(OLD);
    engine.images.set(NEW, is);
    await start(NEW);
    expect(engine.started).toEqual([NEW]);
    expect(row()).toMatchObject({ status: "error", reason: { code }, failedImage: null });
  });

  it("is not changed for one that the engine has lost, nor for none", async () => {
    await start(OLD);
    engine.images.set(NEW, "agent fails").delete(OLD);
    await start(NEW);
    expect(engine.started).toEqual([NEW]);
    expect(row()).toMatchObject({ status: "error", reason: { code: "sidecar_unreachable" } });
    t.db.update(sessions).set({ readyImage: null }).where(eq(sessions.id, t.sessionId)).run();
    await start(NEW);
    expect(engine.started).toEqual([NEW]);
  });

  it("is not remembered as bad where no other does better, and no container is left", async () => {
    await start(OLD);
    engine.images.set(NEW, "agent fails").set(OLD, "agent fails");
    await start(NEW);
    expect(engine.started).toEqual([NEW, OLD]);
    expect(row()).toMatchObject({ status: "error", readyImage: OLD, failedImage: null, instanceId: null });
    expect(engine.containers()).toEqual([]);
    expect(notices()).toEqual([]);
  });

  it("is not tried at all after a stop", async () => {
    await start(OLD);
    const stop = new AbortController();
    engine.images.set(NEW, "sidecar ends");
    const { tail } = engine.driver;
    engine.driver.tail = (...which) => {
      stop.abort();
      return tail(...which);
    };
    await start(NEW, stop.signal);
    expect(engine.started).toEqual([NEW]);
    expect(row()?.failedImage).toBeNull();
  });
});
