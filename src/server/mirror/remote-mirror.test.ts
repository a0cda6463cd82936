import { createServer, type Server } from "node:http";
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { ConvexHttpClient } from "convex/browser";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { api } from "../../../convex/_generated/api";
import schema from "../../../convex/schema";
import { type ManualClock, manualClock } from "../clock.testing";
import { composeMirror, CONVEX_MODULES, type MirrorServices } from "../compose-mirror";
import { createConvexHost, type ConvexHost } from "../convex-host/convex-host";
import { installationValue } from "../db/installation-value";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { marksAfter } from "../events/outbox";
import { createSecretBox } from "../keys/secret-box";
import { callerOf } from "./mirror.testing";
import { mirrorCheck } from "./mirror-check";
import type { PusherHealth } from "./pusher";
import { createMirrorTarget } from "./mirror-target";
import { createMirrorTokens } from "./mirror-tokens";
import { emptyBatch } from "./mirror-batch";
import { loadSigningKey } from "./signing-key";

const ISSUER = "https://agents.example.test";
const quiet = pino({ level: "silent" });
const systemTime = { now: () => Date.now(), monotonicNow: () => performance.now() };

/** A Convex elsewhere: another listener, which believes the tokens of this installation. */
describe("a Convex elsewhere", () => {
  let t: TestDatabase;
  let log: EventLog;
  let host: ConvexHost;
  let server: Server;
  let url: URL;
  let mirror: MirrorServices | null;
  let pushes: number;
  let asked: number;
  let answered: number;
  let isAway: boolean;
  let isSilent: boolean;
  const box = createSecretBox({ id: "test", bytes: randomBytes(32) });

  beforeEach(async () => {
    t = testDatabase();
    log = createEventLog({ ...t, onCommit: () => mirror?.wake() });
    mirror = null;
    pushes = 0;
    isAway = false;
    isSilent = false;
    asked = 0;
    answered = 0;
    host = openHost();
    server = createServer((req, res) => {
      asked += 1;
      if (isAway) return void req.socket.destroy();
      if (isSilent) return;
      if (req.url === "/api/mutation") pushes += 1;
      void host.handleRequest(req, res).then(() => (answered += 1));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    // Listening on a port, so it is not the name of a socket.
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    await mirror?.stop();
    await host.close();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    t[Symbol.dispose]();
  });

  const openHost = () => {
    const { jwks } = loadSigningKey({ db: t.db, box, log: quiet });
    const auth = { issuer: ISSUER, applicationID: "openagent", algorithm: "ES256" as const, jwks };
    return createConvexHost({ schema, modules: CONVEX_MODULES, auth, mountPath: "", log: quiet });
  };
  const start = (convexUrl: URL | null = url) =>
    (mirror = composeMirror({
      db: t.db,
      clock: systemTime,
      log: quiet,
      box,
      origin: ISSUER,
      convexUrl,
      tokenSeconds: 300,
    }));
  const tokens = () =>
    createMirrorTokens({
      key: loadSigningKey({ db: t.db, box, log: quiet }),
      issuer: ISSUER,
      clock: systemTime,
      personSeconds: 300,
    });
  const target = () =>
    createMirrorTarget({ url: url.origin, tokens: tokens(), fetch: globalThis.fetch, timeoutMs: 10_000 });
  const titles = async () => {
    const { token } = await tokens().forPerson({ userId: t.userId, epoch: 0 });
    const client = new ConvexHttpClient(url.origin, {
      skipConvexDeploymentUrlCheck: true,
      logger: false,
      auth: token,
    });
    const rows = await client.query(api.sessions.list, { archived: false }).catch(() => []);
    return rows.map(({ data }) => (JSON.parse(data) as { id: string }).id).sort();
  };
  const write = () =>
    log.transaction((tx) => tx.append(t.sessionId, { type: "session.updated", data: { title: "x" } }));

  it("is filled once, told of news after a restart, and filled again when another one was used between", async () => {
    await target().push({
      ...emptyBatch(),
      sessions: [
        {
          sessionId: "ses_stranger",
          ownerId: t.userId,
          visibility: "private",
          archived: false,
          needsInput: false,
          activityAt: "2026-11-25T10:00:00.000Z",
          lastSeq: 0,
          data: JSON.stringify({ id: "ses_stranger" }),
        },
      ],
    });
    start();
    expect(mirror?.routes).toEqual([]);
    expect(mirror?.upgrades).toEqual([]);
    await expect.poll(titles).toEqual([t.sessionId]);
    // Stopped before it knows, it fills it again.
    await expect.poll(() => installationValue(t.db, "mirrorTarget")).toBe(url.origin);
    await mirror?.stop();

    const before = pushes;
    write();
    start();
    await expect.poll(() => target().position(t.sessionId)).toBe(1);
    expect(pushes - before).toBeLessThanOrEqual(2);
    await mirror?.stop();

    start(null);
    t.addSession("ses_between");
    write();
    // It has told of some of it, and may not have come to the end.
    await expect.poll(() => marksAfter(t.db, 0, 10)).toEqual([]);
    await mirror?.stop();
    start();
    await expect.poll(titles).toEqual(["ses_between", t.sessionId].sort());
    await expect.poll(() => target().position(t.sessionId)).toBe(2);
  });

  it("is filled again when it was emptied", async () => {
    start();
    await expect.poll(titles).toEqual([t.sessionId]);
    write();
    await expect.poll(() => marksAfter(t.db, 0, 10)).toEqual([]);
    await mirror?.stop();
    await host.close();
    host = openHost();
    expect(await titles()).toEqual([]);
    write();
    start();
    await expect.poll(titles).toEqual([t.sessionId]);
    await expect.poll(() => target().position(t.sessionId)).toBe(2);
  });

  it("keeps nobody waiting at the end when it does not answer", async () => {
    isSilent = true;
    start();
    await expect.poll(() => asked).toBeGreaterThan(0);
    await mirror?.stop();
    expect(answered).toBe(0);
  });

  it("may be away: it is told of everything when it is back", async () => {
    start();
    await expect.poll(titles).toEqual([t.sessionId]);
    isAway = true;
    for (let n = 0; n < 5; n += 1) write();
    isAway = false;
    await expect.poll(() => target().position(t.sessionId)).toBe(5);
  });

  it("is where people are led to, with the installation's tokens", async () => {
    const { liveAccess } = start();
    expect(liveAccess.config()).toEqual({ url: url.origin, kind: "remote" });
    const { token } = await liveAccess.token(callerOf(t.userId));
    const client = new ConvexHttpClient(url.origin, {
      skipConvexDeploymentUrlCheck: true,
      logger: false,
      auth: token,
    });
    await expect.poll(() => client.query(api.people.names, {}).catch(() => [])).toHaveLength(1);
  });
});

describe("what /readyz says of the mirror", () => {
  const healthy: PusherHealth = { failingSinceMs: null, detail: null, parked: [], waiting: 0, oldestMs: 0 };
  const refused = ["usr_1", "usr_2"].map((key) => ({ topic: "person" as const, key }));
  const say = (health: Partial<PusherHealth>, clock: ManualClock = manualClock(0)) =>
    mirrorCheck({
      pusher: { health: () => ({ ...healthy, ...health }) },
      clock,
      remoteUrl: "https://x.convex.cloud",
    })();

  it("is ok while it works and for a short break, and a sentence with the next step after that", async () => {
    const clock = manualClock(0);
    const since = clock.monotonicNow();
    expect(await say({}, clock)).toBe("ok");
    clock.advance(9_000);
    expect(await say({ failingSinceMs: since }, clock)).toBe("ok");
    clock.advance(2_000);
    expect(await say({ failingSinceMs: since }, clock)).toMatch(/11 seconds.*npm run convex:deploy/);
    expect(await say({ parked: refused }, clock)).toMatch(/refuses 2/);
    expect(await say({ waiting: 7, oldestMs: 29_000 }, clock)).toBe("ok");
    expect(await say({ waiting: 7, oldestMs: 31_000 }, clock)).toMatch(/31 seconds behind, with 7/);
  });
});
