import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import schema from "../../../convex/schema";
import { composeMirror, CONVEX_MODULES, type MirrorServices } from "../compose-mirror";
import { createConvexHost, type ConvexHost } from "../convex-host/convex-host";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { createSecretBox } from "../keys/secret-box";
import { getSession } from "../sessions/session-store";
import { type FaultyConvex, NO_FAULTS, startFaultyConvex } from "./faulty-convex.testing";
import { createMirrorTarget } from "./mirror-target";
import { createMirrorTokens } from "./mirror-tokens";
import { loadSigningKey } from "./signing-key";

const ISSUER = "https://agents.example.test";
const quiet = pino({ level: "silent" });
const clock = { now: () => Date.now(), monotonicNow: () => performance.now() };
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, n) => n + from);

/** Convex is another process' there; here the embedded host stands behind real HTTP. */
describe("a Convex elsewhere behind a bad network", () => {
  let t: TestDatabase;
  let log: EventLog;
  let host: ConvexHost;
  let convex: FaultyConvex;
  let mirror: MirrorServices;
  let seqsThere: (sessionId: string) => Promise<number[]>;
  beforeEach(async () => {
    t = testDatabase();
    const box = createSecretBox({ id: "test", bytes: randomBytes(32) });
    const key = loadSigningKey({ db: t.db, box, log: quiet });
    const auth = {
      issuer: ISSUER,
      applicationID: "openagent",
      algorithm: "ES256" as const,
      jwks: key.jwks,
    };
    host = createConvexHost({ schema, modules: CONVEX_MODULES, auth, mountPath: "", log: quiet });
    convex = await startFaultyConvex(host);
    const installation = { db: t.db, clock, log: quiet, box, origin: ISSUER, tokenSeconds: 300 };
    mirror = composeMirror({ ...installation, convexUrl: convex.url });
    log = createEventLog({ ...t, onCommit: () => mirror.wake() });
    const there = createMirrorTarget({
      url: "http://there.test",
      tokens: createMirrorTokens({ key, issuer: ISSUER, clock, personSeconds: 300 }),
      fetch: host.fetch,
      timeoutMs: 10_000,
    });
    seqsThere = async (sessionId) => {
      const seqs: number[] = [];
      for (;;) {
        const page = await there.eventsAfter(sessionId, seqs.at(-1) ?? 0);
        if (page.length === 0) return seqs;
        seqs.push(...page.map(({ seq }) => seq));
      }
    };
  });
  afterEach(async () => {
    await mirror.stop();
    await host.close();
    await convex.close();
    t[Symbol.dispose]();
  });

  const write = (sessionId: string, count: number, text = "x".repeat(120)) =>
    log.transaction((tx) => {
      for (let n = 0; n < count; n += 1)
        tx.append(sessionId, { type: "part.delta", data: { messageId: "m", partId: "p", text } });
    });
  const sessionsOf = (count: number) => {
    const ids = upTo(count).map((n) => `ses_${String(n).padStart(13, "0")}`);
    for (const id of ids) t.addSession(id);
    return ids;
  };
  const isUpToDate = () => expect.poll(() => mirror.lag().waiting, { timeout: 60_000, interval: 10 }).toBe(0);

  it("has every event of the log once and in order, whatever is late, lost, doubled, repeated or away", async () => {
    const ids = sessionsOf(10);
    for (const id of ids) write(id, 1);
    await isUpToDate();
    convex.faults = { delayed: 3, doubled: 4, repeated: 5, answersLost: 7, requestsLost: 11 };
    let rounds = 30;
    // News come in while others are on their way.
    convex.onCall = () => {
      if (rounds <= 0) return;
      rounds -= 1;
      for (const [n, id] of ids.entries()) write(id, 14 + (n % 5));
      if (rounds % 20 === 10) convex.away = 2;
    };
    write(ids[0] ?? "", 1);
    await expect.poll(() => rounds, { timeout: 60_000 }).toBe(0);
    await isUpToDate();
    const { happened } = convex;
    convex.faults = NO_FAULTS;
    for (const times of Object.values(happened)) expect(times).toBeGreaterThan(0);
    const written = ids.map((id) => getSession(t.db, id).lastSeq);
    for (const [n, id] of ids.entries()) expect(await seqsThere(id)).toEqual(upTo(written[n] ?? 0));
    expect(await mirror.repair.compare()).toEqual({ sessions: 11, differing: [], parked: [] });
    console.info(
      `R7: ${written.reduce((sum, count) => sum + count, 0)} events through ${JSON.stringify(happened)}`,
    );
  }, 120_000);

  it("catches up after it was away, in order, nothing twice", async () => {
    const ids = sessionsOf(20);
    for (const id of ids) write(id, 1);
    await isUpToDate();
    convex.away = Infinity;
    for (let n = 0; n < 10; n += 1) for (const id of ids) write(id, 99);
    for (const id of ids) write(id, 10);
    await expect.poll(() => convex.happened.away).toBeGreaterThan(0);
    const back = new Promise<number>((resolve) => (convex.onCall = () => resolve(performance.now())));
    convex.away = 0;
    const startedAt = await back;
    const cpuBefore = process.cpuUsage();
    await isUpToDate();
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    for (const id of ids) expect(await seqsThere(id)).toEqual(upTo(1_000, 2));
    expect(await mirror.repair.compare()).toMatchObject({ differing: [], parked: [] });
    console.info(
      `R7: 20,000 events caught up in ${seconds.toFixed(1)} s, ${Math.round(20_000 / seconds)} a second, ` +
        `with ${((user + system) / 1e6).toFixed(1)} s of CPU for both ends`,
    );
  }, 120_000);

  it("goes on behind an event that it refuses; the comparison names it, a rebuild brings it when it is taken", async () => {
    const ids = sessionsOf(3);
    for (const id of ids) write(id, 1);
    await isUpToDate();
    convex.refused = "poison";
    for (const id of ids) write(id, 20);
    const [bad = ""] = ids;
    write(bad, 1, "poison");
    for (const id of ids) write(id, 20);
    await isUpToDate();
    const parked = [{ topic: "event", key: `${bad} 22` }];
    expect(await mirror.repair.compare()).toEqual({ sessions: 4, differing: [], parked });
    expect(await seqsThere(bad)).toEqual(upTo(42));
    expect(mirror.lag().parked).toBe(1);
    expect(await mirror.check()).toMatch(/refuses 1 .*mirror rebuild/);
    convex.refused = null;
    await mirror.repair.rebuild(bad);
    expect(await mirror.repair.compare()).toEqual({ sessions: 4, differing: [], parked: [] });
    expect(await mirror.check()).toBe("ok");
  });
});
