import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONTRACT_VERSION, type RegistrationPayload } from "../../../sidecar/src/protocol";
import { Registration } from "../../../sidecar/src/registration/registration";
import { registrations, sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog } from "../events/event-log";
import { createSecretBox } from "../keys/secret-box";
import { masterKeyOf } from "../keys/master-key";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { createRegistrar, type Registrar } from "./registration";

const INSTANCE = "ins_test00000000";
const DAY_MS = 24 * 60 * 60_000;

describe("registration, server and sidecar together", () => {
  let t: TestDatabase;
  let registrar: Registrar;
  let received: RegistrationPayload[];

  const box = createSecretBox(masterKeyOf(randomBytes(32)));
  const newRegistrar = () => createRegistrar({ ...t, log: createEventLog(t), box });

  beforeEach(() => {
    t = testDatabase();
    t.clock.advance(Date.now() - t.clock.now());
    registrar = newRegistrar();
    received = [];
  });
  afterEach(() => t[Symbol.dispose]());

  const sidecar = async (
    boot: { token: string; sessionId?: string; instanceId?: string },
    says: { contract?: number; version?: string } = {},
  ): Promise<SidecarClient> => {
    const registration = await Registration.create({
      boot: { sessionId: t.sessionId, instanceId: INSTANCE, ...boot },
      version: "test",
      onRegistered: async (payload) => void received.push(payload),
      onExhausted: () => undefined,
    });
    const client: Pick<SidecarClient, "offer" | "complete"> = {
      offer: async (nonce) => ({ ...registration.offer(nonce), ...says }),
      complete: (sealed) => registration.complete(sealed),
    };
    return client as SidecarClient;
  };
  const register = (
    client: SidecarClient,
    token: string,
    over: { sessionId?: string; instanceId?: string } = {},
  ) =>
    registrar.register({
      sessionId: t.sessionId,
      instanceId: INSTANCE,
      token,
      client,
      providers: [],
      settings: {
        model: { providerId: "demo", modelId: "demo-1" },
        agent: "build",
        permissionMode: "ask",
        title: "T",
      },
      ...over,
    });

  it("gives the sidecar its secrets under a new epoch, and the server the same ones back from its row", async () => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    const secrets = await register(await sidecar({ token }), token);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      bearer: secrets.bearer,
      egressSecret: secrets.egressSecret,
      epoch: 2,
    });
    expect(t.db.select().from(registrations).get()).toMatchObject({ publicKey: secrets.publicKey });
  });

  it("keeps the sidecar's version, and not more of it than a version is long", async () => {
    const version = () => t.db.select({ version: sessions.version }).from(sessions).get()?.version;
    const first = registrar.issue(t.sessionId, INSTANCE);
    await register(await sidecar({ token: first }), first);
    expect(version()).toBe("test");
    const second = registrar.issue(t.sessionId, INSTANCE);
    await register(await sidecar({ token: second }, { version: "9".repeat(5000) }), second);
    expect(version()).toBe("9".repeat(100));
  });

  it.each([
    ["newer", CONTRACT_VERSION + 1],
    ["older", CONTRACT_VERSION - 1],
  ])("gives nothing to a sidecar whose contract is %s, and says so", async (which, contract) => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    await expect(register(await sidecar({ token }, { contract }), token)).rejects.toMatchObject({
      reason: "other_version",
      message: expect.stringContaining(`The session image is ${which} than this server`) as string,
    });
    expect(received).toEqual([]);
    expect(t.db.select().from(registrations).get()).toMatchObject({ burnedAt: null, publicKey: null });
    expect(t.db.select().from(sessions).get()).toMatchObject({ epoch: 1, instanceSecrets: null });
  });

  it("burns the token: of 50 at once exactly one succeeds", async () => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    const clients = await Promise.all(Array.from({ length: 50 }, () => sidecar({ token })));
    const results = await Promise.allSettled(clients.map((client) => register(client, token)));
    expect(results.filter((r) => r.status === "fulfilled")).toHaveLength(1);
    expect(received).toHaveLength(1);
  });

  it("refuses a token that is too old", async () => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    const client = await sidecar({ token });
    t.clock.advance(61_000);
    await expect(register(client, token)).rejects.toMatchObject({ detail: "the token is too old" });
    expect(received).toEqual([]);
  });

  it("refuses and takes a token by its age alone, whatever somebody sets the date to", async () => {
    const old = registrar.issue(t.sessionId, INSTANCE);
    t.clock.advance(61_000);
    t.clock.shift(-DAY_MS);
    await expect(register(await sidecar({ token: old }), old)).rejects.toMatchObject({
      detail: "the token is too old",
    });
    const young = registrar.issue(t.sessionId, INSTANCE);
    t.clock.shift(3 * DAY_MS);
    // Another session's start must not take it away.
    registrar.issue("ses_other0000000", "ins_2");
    await expect(register(await sidecar({ token: young }), young)).resolves.toBeDefined();
  });

  it("refuses a token of a server that has ended", async () => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    registrar = newRegistrar();
    await expect(register(await sidecar({ token }), token)).rejects.toMatchObject({
      reason: "sidecar_unreachable",
    });
    expect(received).toEqual([]);
  });

  it("refuses a token issued for another instance, and one that nobody issued", async () => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    const other = { instanceId: "ins_other0000000" };
    await expect(register(await sidecar({ token, ...other }), token, other)).rejects.toMatchObject({
      reason: "sidecar_unreachable",
    });
    const invented = randomBytes(32).toString("base64url");
    await expect(register(await sidecar({ token: invented }), invented)).rejects.toMatchObject({
      reason: "sidecar_unreachable",
    });
    expect(received).toEqual([]);
  });

  it("refuses a sidecar that does not hold the token, and keeps the token good for the one that does", async () => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    const impostor = await sidecar({ token: randomBytes(32).toString("base64url") });
    await expect(register(impostor, token)).rejects.toMatchObject({ detail: "the proof is wrong" });
    await expect(register(await sidecar({ token }), token)).resolves.toBeDefined();
  });

  it("keeps no token in the clear", () => {
    const token = registrar.issue(t.sessionId, INSTANCE);
    expect(JSON.stringify(t.db.select().from(registrations).all())).not.toContain(token);
  });
});
