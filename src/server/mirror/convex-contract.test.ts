/**
 * The functions of convex/ through the official clients with real tokens: against the embedded host, and with
 * CONVEX_CONTRACT_URL also against a Convex elsewhere (docs/convex.md says how).
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { ConvexError } from "convex/values";
import { SignJWT } from "jose";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { api } from "../../../convex/_generated/api";
import schema from "../../../convex/schema";
import { systemClock } from "../clock";
import { CONVEX_MODULES } from "../compose-mirror";
import { createConvexHost } from "../convex-host/convex-host";
import { emptyBatch } from "./mirror-batch";
import type { MirrorBatch } from "./mirror-target";
import { createMirrorTokens } from "./mirror-tokens";
import { signingKeyOf } from "./signing-key";

interface Backend {
  url: string;
  issuer: string;
  key: KeyObject;
  close(): Promise<void>;
}

async function embedded(): Promise<Backend> {
  const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = "https://contract.example.test";
  const host = createConvexHost({
    schema,
    modules: CONVEX_MODULES,
    auth: { issuer, applicationID: "openagent", algorithm: "ES256", jwks: signingKeyOf(key).jwks },
    mountPath: "/convex",
    log: pino({ level: "silent" }),
  });
  const server = createServer((req, res) => void host.handleRequest(req, res));
  server.on("upgrade", (req, socket, head) => host.handleUpgrade(req, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Listening on a port, so it is not the name of a socket.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/convex`,
    issuer,
    key,
    async close() {
      await host.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const { CONVEX_CONTRACT_URL, CONVEX_CONTRACT_KEY_FILE, CONVEX_CONTRACT_ISSUER } = process.env;
const backends: [string, () => Promise<Backend>][] = [["the embedded host", embedded]];
if (CONVEX_CONTRACT_URL) {
  backends.push([
    CONVEX_CONTRACT_URL,
    async () => {
      if (!CONVEX_CONTRACT_KEY_FILE || !CONVEX_CONTRACT_ISSUER)
        throw new Error("CONVEX_CONTRACT_URL needs CONVEX_CONTRACT_KEY_FILE and CONVEX_CONTRACT_ISSUER.");
      return {
        url: CONVEX_CONTRACT_URL,
        issuer: CONVEX_CONTRACT_ISSUER,
        key: createPrivateKey(readFileSync(CONVEX_CONTRACT_KEY_FILE)),
        close: async () => undefined,
      };
    },
  ]);
} else {
  console.info("Convex contract against a Convex elsewhere: skipped: no backend (CONVEX_CONTRACT_URL).");
}

describe.each(backends)("the functions of convex/ on %s", (_name, open) => {
  let backend: Backend;
  let server: ConvexHttpClient;
  let tokens: ReturnType<typeof createMirrorTokens>;
  /** Rows of one test are no other's, on a backend that keeps them. */
  let run: string;
  const opened: ConvexClient[] = [];
  beforeAll(async () => {
    backend = await open();
    tokens = createMirrorTokens({
      key: signingKeyOf(backend.key),
      issuer: backend.issuer,
      clock: systemClock,
      personSeconds: 300,
    });
  });
  afterAll(async () => backend?.close());
  beforeEach(async () => {
    run = randomBytes(6).toString("hex");
    server = http(await tokens.forServer());
    await push({ people: [person("ada"), person("bob"), person("cy", { disabled: true })] });
    await push({
      sessions: [
        session("private"),
        session("shared", { visibility: "team-read", activityAt: "2026-11-25T10:00:01.000Z" }),
        session("put-away", { archived: true }),
      ],
    });
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((client) => client.close()));
    await push({ removed: ["private", "shared", "put-away"].map(id) });
    await push({ people: ["ada", "bob", "cy"].map((name) => person(name, { disabled: true })) });
  });

  const id = (name: string) => `${name}_${run}`;
  const http = (token: string | null) =>
    new ConvexHttpClient(backend.url, {
      skipConvexDeploymentUrlCheck: true,
      logger: false,
      ...(token === null ? {} : { auth: token }),
    });
  const as = async (name: string, epoch = 0) =>
    http((await tokens.forPerson({ userId: id(name), epoch })).token);
  const push = (batch: Partial<MirrorBatch>) =>
    server.mutation(api.mirror.push, { ...emptyBatch(), ...batch });
  const person = (name: string, over: Partial<MirrorBatch["people"][number]> = {}) => ({
    personId: id(name),
    name,
    disabled: false,
    epoch: 0,
    ...over,
  });
  const session = (name: string, over: Partial<MirrorBatch["sessions"][number]> = {}) => ({
    sessionId: id(name),
    ownerId: id("ada"),
    visibility: "private" as const,
    archived: false,
    needsInput: false,
    activityAt: "2026-11-25T10:00:00.000Z",
    lastSeq: 3,
    data: JSON.stringify({ title: name }),
    ...over,
  });
  const event = (seq: number, name = "private", data = `{"n":${seq}}`) => ({
    sessionId: id(name),
    seq,
    at: "2026-11-25T10:00:00.000Z",
    type: "part.delta",
    data,
  });
  const seqs = async (client: ConvexHttpClient, afterSeq: number, name = "private") =>
    (await client.query(api.sessionEvents.window, { sessionId: id(name), afterSeq, limit: 100 })).map(
      ({ seq }) => seq,
    );
  const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, n) => n + from);
  const reasonOf = async (work: Promise<unknown>): Promise<unknown> => {
    const error: unknown = await work.then(
      () => "not refused",
      (reason: unknown) => reason,
    );
    return error instanceof ConvexError ? error.data : error;
  };
  const signedOut = expect.objectContaining({ reason: "signed_out" }) as unknown;
  const notFound = expect.objectContaining({ reason: "not_found" }) as unknown;
  const notServer = expect.objectContaining({ reason: "not_server" }) as unknown;

  it("append events once and in order, in windows that do not change when they are full", async () => {
    const ada = await as("ada");
    await push({ events: upTo(120).map((n) => event(n)) });
    await push({ events: upTo(60, 100).map((n) => event(n)) });
    expect(await seqs(ada, 0)).toEqual(upTo(100));
    expect(await seqs(ada, 100)).toEqual(upTo(59, 101));
    expect(await server.query(api.mirror.position, { sessionId: id("private") })).toBe(159);
    expect(await reasonOf(push({ events: [event(170)] }))).toEqual({
      reason: "gap",
      sessionId: id("private"),
      lastSeq: 159,
    });
    expect(await seqs(ada, 150)).toEqual(upTo(9, 151));
    expect(
      await ada.query(api.sessionEvents.window, { sessionId: id("private"), afterSeq: 0, limit: 1e9 }),
    ).toHaveLength(100);
  });

  it("take whatever an event's JSON holds, and the newest thousand of a session", async () => {
    const data = JSON.stringify({
      $schema: "x",
      ключ: "\u0001\ud800 é 🦕",
      _id: [1, null],
      deep: { a: { b: [] } },
    });
    await push({ events: [event(1, "private", data)] });
    const ada = await as("ada");
    const [row] = await ada.query(api.sessionEvents.window, {
      sessionId: id("private"),
      afterSeq: 0,
      limit: 1,
    });
    expect(row?.data).toBe(data);
    for (let from = 2; from <= 1300; from += 433)
      await push({ events: upTo(433, from).map((n) => event(n)) });
    expect(await seqs(ada, 0)).toEqual(upTo(100, 301));
  });

  it("remove a session with all that is of it, also where it begins afresh in the same batch", async () => {
    await push({
      events: upTo(5).map((n) => event(n)),
      reads: [{ personId: id("ada"), sessionId: id("private"), seq: 9 }],
    });
    await push({ removed: [id("private")], sessions: [session("private")], events: [event(1), event(2)] });
    const ada = await as("ada");
    expect(await seqs(ada, 0)).toEqual([1, 2]);
    expect(await ada.query(api.sessions.get, { sessionId: id("private") })).toMatchObject({ unread: true });
    expect(await server.query(api.mirror.sessionIds, { after: id("p") })).toContain(id("private"));
    await push({ removed: [id("private")] });
    expect(await ada.query(api.sessions.get, { sessionId: id("private") })).toBeNull();
    expect(await reasonOf(seqs(ada, 0))).toEqual(notFound);
  });

  it("let go of a session's oldest events in short calls, and of nothing else that is of it", async () => {
    await push({
      events: upTo(150).map((n) => event(n)),
      reads: [{ personId: id("ada"), sessionId: id("private"), seq: 9 }],
    });
    const ada = await as("ada");
    const letGo = (upToSeq: number) =>
      server.mutation(api.mirror.letGo, { sessionId: id("private"), upToSeq });
    expect(await letGo(149)).toBe("again");
    expect(await seqs(ada, 0)).toEqual(upTo(50, 101));
    expect(await letGo(149)).toBe("done");
    expect(await letGo(149)).toBe("done");
    expect(await seqs(ada, 0)).toEqual([150]);
    await push({ events: [event(151)] });
    expect(await letGo(151)).toBe("done");
    expect(await server.query(api.mirror.position, { sessionId: id("private") })).toBe(0);
    const row = await ada.query(api.sessions.get, { sessionId: id("private") });
    expect(row).toMatchObject({ sessionId: id("private"), unread: false });
    // As long ago as one likes: it begins anywhere.
    await push({ events: [event(900)] });
    expect(await seqs(ada, 0)).toEqual([900]);
  });

  it("list one's own sessions and the team's, last active first, with what one has read", async () => {
    await push({ reads: [{ personId: id("bob"), sessionId: id("shared"), seq: 3 }] });
    const list = async (name: string, archived = false) =>
      (await (await as(name)).query(api.sessions.list, { archived }))
        .filter(({ sessionId }) => sessionId.endsWith(run))
        .map(({ sessionId, unread }) => ({ sessionId, unread }));
    expect(await list("ada")).toEqual([
      { sessionId: id("shared"), unread: true },
      { sessionId: id("private"), unread: true },
    ]);
    expect(await list("ada", true)).toEqual([{ sessionId: id("put-away"), unread: true }]);
    expect(await list("bob")).toEqual([{ sessionId: id("shared"), unread: false }]);
  });

  it("show requests that wait in sessions one sees, and none that are closed", async () => {
    const request = (name: string) => ({
      requestId: id(`req-${name}`),
      sessionId: id(name),
      openedAt: "2026-11-25T10:00:00.000Z",
      data: "{}",
    });
    await push({
      sessions: [
        session("private", { needsInput: true }),
        session("shared", { visibility: "team-read", needsInput: true }),
      ],
      requests: [request("private"), request("shared")],
    });
    const open = async (name: string) =>
      (await (await as(name)).query(api.requests.open, {}))
        .map(({ requestId }) => requestId)
        .filter((requestId) => requestId.endsWith(run))
        .sort();
    expect(await open("ada")).toEqual([id("req-private"), id("req-shared")]);
    expect(await open("bob")).toEqual([id("req-shared")]);
    await push({ closedRequests: [id("req-shared")] });
    expect(await open("bob")).toEqual([]);
  });

  it("give nobody what is another's, and do not say whether it is there", async () => {
    await push({ events: [event(1), event(1, "shared")] });
    const bob = await as("bob");
    expect(await seqs(bob, 0, "shared")).toEqual([1]);
    expect(await reasonOf(seqs(bob, 0))).toEqual(await reasonOf(seqs(bob, 0, "nowhere")));
    expect(await reasonOf(seqs(bob, 0))).toEqual(notFound);
    expect(await bob.query(api.sessions.get, { sessionId: id("private") })).toBeNull();
  });

  it("answer nobody who is not signed in: no token, disabled, unknown, of another epoch, the server itself", async () => {
    const callers = [http(null), await as("cy"), await as("nobody"), await as("ada", 1), server];
    await push({ people: [person("bob", { epoch: 2 })] });
    callers.push(await as("bob"));
    for (const caller of callers) {
      expect(await reasonOf(caller.query(api.people.names, {}))).toEqual(signedOut);
      expect(await reasonOf(caller.query(api.sessions.list, { archived: false }))).toEqual(signedOut);
      expect(await reasonOf(caller.query(api.sessions.get, { sessionId: id("shared") }))).toEqual(signedOut);
      expect(await reasonOf(caller.query(api.requests.open, {}))).toEqual(signedOut);
      expect(await reasonOf(seqs(caller, 0, "shared"))).toEqual(signedOut);
    }
    expect(await (await as("bob", 2)).query(api.people.names, {})).toContainEqual({
      id: id("bob"),
      name: "bob",
    });
  });

  it("let the server alone write and look around, whatever a person's token says of itself", async () => {
    const claimed = await sign({ sub: id("ada"), claims: { epoch: 0, role: "server" } });
    for (const caller of [http(null), await as("ada"), http(claimed)]) {
      expect(await reasonOf(caller.mutation(api.mirror.push, emptyBatch()))).toEqual(notServer);
      expect(
        await reasonOf(caller.mutation(api.mirror.letGo, { sessionId: id("private"), upToSeq: 9 })),
      ).toEqual(notServer);
      expect(await reasonOf(caller.query(api.mirror.position, { sessionId: id("private") }))).toEqual(
        notServer,
      );
      expect(await reasonOf(caller.query(api.mirror.sessionIds, { after: "" }))).toEqual(notServer);
    }
    expect(await reasonOf(http(claimed).query(api.people.names, {}))).toEqual(signedOut);
  });

  it("believe no token that another key made, that is over, or that is for others", async () => {
    const { privateKey: foreign } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const tokensOfOthers = [
      await sign({ sub: id("ada"), key: foreign }),
      await sign({ sub: id("ada"), expiresIn: -60 }),
      await sign({ sub: id("ada"), audience: "somebody" }),
      await sign({ sub: id("ada"), issuer: "https://elsewhere.example.test" }),
      await sign({ sub: "openagent-server", claims: { role: "server" }, key: foreign }),
      "not.a.token",
    ];
    for (const token of tokensOfOthers) {
      await expect(http(token).query(api.people.names, {})).rejects.toThrow();
      await expect(http(token).mutation(api.mirror.push, emptyBatch())).rejects.toThrow();
    }
    expect(await http(await sign({ sub: id("ada") })).query(api.people.names, {})).not.toEqual([]);
  });

  it("tell a browser of what is new, and refuse it on its open socket when its access ends", async () => {
    const client = new ConvexClient(backend.url, {
      // The library's type of sockets is the browser's.
      webSocketConstructor: WebSocket as unknown as typeof globalThis.WebSocket,
      skipConvexDeploymentUrlCheck: true,
      unsavedChangesWarning: false,
      logger: false,
    });
    opened.push(client);
    client.setAuth(async () => (await tokens.forPerson({ userId: id("ada"), epoch: 0 })).token);
    const told = { seqs: [] as number[], refused: null as unknown };
    client.onUpdate(
      api.sessionEvents.window,
      { sessionId: id("private"), afterSeq: 0, limit: 100 },
      (rows) => (told.seqs = rows.map(({ seq }) => seq)),
      (error) => (told.refused = error instanceof ConvexError ? error.data : error),
    );
    await push({ events: [event(1)] });
    await expect.poll(() => told.seqs).toEqual([1]);
    await push({ events: [event(2), event(3)] });
    await expect.poll(() => told.seqs).toEqual([1, 2, 3]);
    await push({ people: [person("ada", { epoch: 1 })] });
    await expect.poll(() => told.refused).toEqual(signedOut);
  });

  function sign(opts: {
    sub: string;
    claims?: Record<string, unknown>;
    key?: KeyObject;
    expiresIn?: number;
    audience?: string;
    issuer?: string;
  }): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT(opts.claims ?? { epoch: 0 })
      .setProtectedHeader({ alg: "ES256", typ: "JWT", kid: signingKeyOf(backend.key).kid })
      .setIssuer(opts.issuer ?? backend.issuer)
      .setAudience(opts.audience ?? "openagent")
      .setSubject(opts.sub)
      .setIssuedAt(now - 120)
      .setExpirationTime(now + (opts.expiresIn ?? 60))
      .sign(opts.key ?? backend.key);
  }
});
