import { eq } from "drizzle-orm";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProviderCredential } from "../../../sidecar/src/protocol";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError } from "../sidecar-client/sidecar-error";
import type { Connection } from "./connections";
import { createCredentialPush, type CredentialPush } from "./credential-push";
import { createKeyedMutex } from "./keyed-mutex";

/** A table of keys is told by its number here; sealing hands it through. */
describe("changed keys", () => {
  let t: TestDatabase;
  let push: CredentialPush;
  let table: number;
  let isConnected: boolean;
  /** Tables as they arrived at the session's sidecar. */
  let arrived: number[];
  let deliver: (table: number) => Promise<void>;

  beforeEach(() => {
    t = testDatabase();
    t.db.update(sessions).set({ instanceId: "ins_1" }).run();
    [table, isConnected, arrived] = [1, true, []];
    deliver = async (sent) => void arrived.push(sent);
    const client: Pick<SidecarClient, "credentials"> = {
      credentials: ({ ciphertext }) => deliver(Number(ciphertext)),
    };
    push = createCredentialPush({
      db: t.db,
      logger: pino({ level: "silent" }),
      connections: {
        get: (sessionId) => (isConnected ? ({ sessionId, client, secrets: {} } as Connection) : null),
      },
      registrar: {
        sealCredentials: async ({ providers }) => ({ enc: "", ciphertext: String(providers.length) }),
      },
      mutex: createKeyedMutex(),
      credentialsFor: () => Array<ProviderCredential>(table),
    });
  });
  afterEach(() => t[Symbol.dispose]());
  const refresh = () => push.refresh({ ownerId: t.userId });

  it("reach a running session of their owner, and nobody else's", async () => {
    await push.refresh({ ownerId: "usr_bob" });
    expect(arrived).toEqual([]);
    await refresh();
    await push.deliver(t.sessionId);
    expect(arrived).toEqual([1]);
  });

  it("reach a session that was just starting, or away, as soon as it is there", async () => {
    isConnected = false;
    await refresh();
    isConnected = true;
    await push.deliver(t.sessionId);
    expect(arrived).toEqual([1]);

    table = 2;
    deliver = () => Promise.reject(new SidecarError("unreachable", "away"));
    await refresh();
    deliver = async (sent) => void arrived.push(sent);
    await push.deliver(t.sessionId);
    await push.deliver(t.sessionId);
    expect(arrived).toEqual([1, 2]);
  });

  it("arrive in their order, the newest last, however slow the first", async () => {
    let go = () => {};
    const slow = new Promise<void>((resolve) => (go = resolve));
    deliver = async (sent) => {
      if (sent === 1) await slow;
      arrived.push(sent);
    };
    const first = refresh();
    await Promise.resolve();
    table = 2;
    const second = refresh();
    go();
    await Promise.all([first, second]);
    expect(arrived.at(-1)).toBe(2);
  });

  it("reach a container that ran while no server was there", async () => {
    push.mayBeOld(t.sessionId);
    await push.deliver(t.sessionId);
    expect(arrived).toEqual([1]);
  });

  it("are not kept for a session that was removed", async () => {
    push.mayBeOld(t.sessionId);
    t.db.delete(sessions).where(eq(sessions.id, t.sessionId)).run();
    await push.deliver(t.sessionId);
    expect(arrived).toEqual([]);
  });
});
