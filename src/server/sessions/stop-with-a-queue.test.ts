import { randomBytes } from "node:crypto";
import { asc } from "drizzle-orm";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CONTRACT_VERSION } from "../../../sidecar/src/protocol";
import type { Driver } from "../../drivers/driver";
import type { Caller } from "../auth/caller";
import { composeSessions, type SessionServices } from "../compose-sessions";
import { prompts, sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import type { EgressGate } from "../egress/egress-gate";
import { masterKeyOf } from "../keys/master-key";
import { instanceSecretsOwner } from "../keys/sealed-records";
import { createSecretBox } from "../keys/secret-box";
import { createSettings } from "../settings";
import { createMeters } from "../health/meters";
import { createTickets } from "../terminal/tickets";
import { serveSidecarStandIn, type SidecarStandIn } from "./sidecar-stand-in.testing";

const INSTANCE = "ins_1";

/** Everything of the server's about sessions, over a container that is a stand-in. */
describe("a session that is stopped while prompts wait", () => {
  let t: TestDatabase;
  let sidecar: SidecarStandIn;
  let services: SessionServices;
  let owner: Caller;
  /** What happens between the engine's SIGTERM and the container's end. */
  let onRemove: () => Promise<void>;

  beforeEach(async () => {
    t = testDatabase();
    sidecar = await serveSidecarStandIn();
    onRemove = async () => undefined;
    owner = {
      userId: t.userId,
      email: "o@example.test",
      name: "Owner",
      role: "owner",
      via: { kind: "token", tokenId: "tok_1", scopes: null },
    };
    const box = createSecretBox(masterKeyOf(randomBytes(32)));
    const secrets = {
      bearer: "b",
      egressSecret: "e",
      token: "t",
      publicKey: "p",
      contract: CONTRACT_VERSION,
    };
    const instanceSecrets = box.seal(JSON.stringify(secrets), instanceSecretsOwner(t.sessionId, INSTANCE));
    t.db.update(sessions).set({ instanceId: INSTANCE, instanceSecrets }).run();
    const driver: Partial<Driver> = {
      list: async () => [],
      inspect: async () => ({ kind: "running", startedAt: "2026-11-01T00:00:00.000Z" }),
      prepareEndpoint: async () => ({ sidecarSocket: sidecar.socketPath, egressSocket: "" }),
      remove: async () => {
        await onRemove();
        sidecar.endTurn("interrupted");
      },
      watch: (handlers) => handlers.onResync(),
    };
    const egress: Pick<EgressGate, "listen"> = {
      listen: async () => ({ close: async () => undefined }),
    };
    services = composeSessions({
      ...t,
      logger: pino({ level: "silent" }),
      driver: driver as Driver,
      egress: egress,
      box,
      models: { resolve: () => ({}) as never },
      tickets: createTickets(t.clock),
      meters: createMeters({ registry: new Registry(), clock: t.clock }),
      image: "image:1",
      maxSessions: 10,
      settings: createSettings(t),
      storage: {
        disk: { highWaterPercent: 95, disks: () => [], requireRoom: () => undefined },
        collector: { run: async () => undefined, stop: async () => undefined },
      },
      credentialsFor: () => [],
      onCommit: () => undefined,
    });
    services.start();
    await vi.waitFor(() => expect(sidecar.streams).toBe(1), 15_000);
  });
  afterEach(async () => {
    await services.stop();
    await sidecar[Symbol.asyncDispose]();
    t[Symbol.dispose]();
  });

  const send = (text: string) =>
    services.prompts.send(owner, { sessionId: t.sessionId, key: text, kind: "prompt", text });
  const taken = (texts: string[]) => vi.waitFor(() => expect(sidecar.taken).toEqual(texts), 15_000);
  const states = () =>
    t.db
      .select({ text: prompts.text, state: prompts.state })
      .from(prompts)
      .orderBy(asc(prompts.position))
      .all();

  /** So many events on their way from container to log that whatever the first of them set going has long arrived. */
  const roundTrips = async () => {
    for (let n = 0; n < 20; n += 1) {
      const { lastSeq } = services.sessions.get(owner, t.sessionId);
      sidecar.emit({ type: "changes.updated", data: { files: [] } });
      const isIn = () => expect(services.sessions.get(owner, t.sessionId).lastSeq).toBeGreaterThan(lastSeq);
      await vi.waitFor(isIn, { timeout: 15_000, interval: 5 });
    }
  };

  it("leaves the next one in line, whatever the end of the running turn sets going", async () => {
    await send("first");
    await taken(["first"]);
    await send("second");
    onRemove = async () => {
      // The engine takes its time, in which the turn's end has long been taken in.
      await vi.waitFor(() => expect(states()[0]?.state).toBe("done"), 15_000);
      await roundTrips();
    };
    expect(await services.sessions.stop(owner, t.sessionId)).toMatchObject({
      status: "stopped",
      busy: false,
    });
    expect(sidecar.taken).toEqual(["first"]);
    expect(states()).toEqual([
      { text: "first", state: "done" },
      { text: "second", state: "queued" },
    ]);
  });

  it("stops a prompt that is on its way to the agent, too, and lets no other in meanwhile", async () => {
    let arrive = () => {};
    const arriving = new Promise<void>((resolve) => (arrive = resolve));
    sidecar.intercept = async (path) => (path === "/prompts" ? (await arriving, null) : null);
    await send("on its way");
    const stopped = services.sessions.stop(owner, t.sessionId);
    expect((await send("late")).state).toBe("queued");
    await roundTrips();
    arrive();
    expect(await stopped).toMatchObject({ status: "stopped" });
    expect(sidecar.taken).toEqual(["on its way"]);
    expect(t.db.select({ outcome: prompts.outcome }).from(prompts).all()).toEqual([
      { outcome: "aborted" },
      { outcome: null },
    ]);
  });
});
