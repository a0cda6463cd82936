import { generateKeyPair, SignJWT } from "jose";
import { afterEach, expect, test } from "vitest";
import WebSocket from "ws";
import { api, ISSUER, startTestHost } from "./fixture.testing";
import { connectRaw } from "./raw-client.testing";
import { decodeTimestamp, encodeTimestamp } from "./wire";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start() {
  const started = await startTestHost();
  closers.push(started.close);
  return {
    ...started,
    raw: async () => {
      const client = await connectRaw(started.url);
      closers.push(() => client.ws.terminate());
      return client;
    },
  };
}

const windowArgs = { channel: "a", after: 0, limit: 100 };
const zero = { querySet: 0, identity: 0, ts: encodeTimestamp(0n) };

test("each transition begins where the last one ended, the first at nothing, and time only grows", async () => {
  const { raw, http, sign } = await start();
  const client = await raw();
  client.connect();
  client.add(0, 1, "chat:window", windowArgs);
  const first = await client.next();
  expect(first).toMatchObject({
    type: "Transition",
    startVersion: zero,
    endVersion: { querySet: 1, identity: 0 },
    modifications: [{ type: "QueryUpdated", queryId: 1, value: [], logLines: [], journal: null }],
  });
  await http.mutation(api.chat.post, { channel: "a", seq: 1, body: "one" });
  const second = await client.next();
  expect(second).toMatchObject({
    startVersion: first.endVersion,
    modifications: [{ queryId: 1, value: ["one"] }],
  });
  client.authenticate(0, await sign({}));
  const third = await client.next();
  expect(third).toMatchObject({ startVersion: second.endVersion, modifications: [] });
  expect(third.endVersion).toMatchObject({ querySet: 1, identity: 1 });
  client.remove(1, 1);
  const fourth = await client.next();
  expect(fourth).toMatchObject({
    startVersion: third.endVersion,
    endVersion: { querySet: 2, identity: 1 },
    modifications: [{ type: "QueryRemoved", queryId: 1 }],
  });
  const times = client.frames.map(({ endVersion }) => decodeTimestamp(endVersion?.ts ?? ""));
  expect([...times].sort((a, b) => (a < b ? -1 : 1))).toEqual(times);
  expect(Number((times[0] ?? 0n) / 1_000_000n)).toBeGreaterThan(Date.now() - 60_000);
});

test("a message that changes no result is answered all the same", async () => {
  const { raw } = await start();
  const client = await raw();
  client.connect();
  client.add(0, 1, "chat:window", windowArgs);
  await client.next();
  client.send({ type: "ModifyQuerySet", baseVersion: 1, newVersion: 2, modifications: [] });
  expect(await client.next()).toMatchObject({ endVersion: { querySet: 2 }, modifications: [] });
});

test("a query that is not there, or is called wrongly, fails alone", async () => {
  const { raw } = await start();
  const client = await raw();
  client.connect();
  client.send({
    type: "ModifyQuerySet",
    baseVersion: 0,
    newVersion: 1,
    modifications: [
      { type: "Add", queryId: 1, udfPath: "chat:nothing", args: [{}] },
      { type: "Add", queryId: 2, udfPath: "chat:window", args: [{ channel: 7 }] },
      { type: "Add", queryId: 3, udfPath: "chat:post", args: [{ channel: "a", seq: 1, body: "" }] },
      { type: "Add", queryId: 4, udfPath: "chat.js:window", args: [windowArgs] },
    ],
  });
  const { modifications } = await client.next();
  expect(modifications).toMatchObject([
    {
      type: "QueryFailed",
      errorMessage: expect.stringContaining("Could not find public function") as string,
    },
    { type: "QueryFailed", errorMessage: expect.stringMatching(/Request ID: .* Server Error$/) as string },
    { type: "QueryFailed", errorMessage: "'chat:post' is a mutation, not a query." },
    { type: "QueryUpdated", value: [] },
  ]);
});

test("a socket's mutations and actions are refused, each with its own number", async () => {
  const { raw } = await start();
  const client = await raw();
  client.connect();
  client.send({ type: "Mutation", requestId: 5, udfPath: "chat:post", args: [{}] });
  client.send({ type: "Action", requestId: 6, udfPath: "chat:post", args: [{}] });
  expect(await client.next()).toMatchObject({ type: "MutationResponse", requestId: 5, success: false });
  expect(await client.next()).toMatchObject({ type: "ActionResponse", requestId: 6, success: false });
});

test("events of the client's own are passed over", async () => {
  const { raw } = await start();
  const client = await raw();
  client.connect();
  client.send({ type: "Event", eventType: "ClientConnect", event: [] });
  client.add(0, 1, "chat:window", windowArgs);
  expect(await client.next()).toMatchObject({ type: "Transition" });
});

type Raw = Awaited<ReturnType<typeof connectRaw>>;
const faults: [string, (client: Raw) => void, string][] = [
  ["the wrong version of its queries", (c) => c.add(3, 1, "chat:window"), "BaseVersionMismatch"],
  ["the wrong version of its identity", (c) => c.authenticate(2, "x"), "BaseVersionMismatch"],
  ["a second Connect", (c) => c.connect(), "connects once"],
  ["text that is no JSON", (c) => c.sendText("{"), "must be JSON"],
  ["JSON that is no message", (c) => c.sendText("[]"), "not understood"],
  ["a message of no known type", (c) => c.send({ type: "Nonsense" }), "not understood"],
  ["bytes", (c) => c.sendText(Buffer.from("{}")), "must be text"],
  ["the removal of what it does not follow", (c) => c.remove(0, 9), "no query 9 to remove"],
  [
    "the same number for two queries",
    (c) => (c.add(0, 1, "chat:whoami"), c.add(1, 1, "chat:whoami")),
    "is there already",
  ],
  ["arguments that are too large", (c) => c.add(0, 1, "chat:whoami", { a: "x".repeat(70_000) }), "too large"],
  [
    "more queries than it may follow",
    (c) =>
      c.send({
        type: "ModifyQuerySet",
        baseVersion: 0,
        newVersion: 1,
        modifications: Array.from({ length: 1001 }, (_, queryId) => ({
          type: "Add",
          queryId,
          udfPath: "chat:whoami",
          args: [{}],
        })),
      }),
    "at most 1000 queries",
  ],
  [
    "a component's query",
    (c) =>
      c.send({
        type: "ModifyQuerySet",
        baseVersion: 0,
        newVersion: 1,
        modifications: [{ type: "Add", queryId: 1, udfPath: "a:b", args: [{}], componentPath: "c" }],
      }),
    "no components",
  ],
];

test.each(faults)("a client that sends %s is told, and is not to come again", async (_, send, why) => {
  const { raw } = await start();
  const client = await raw();
  client.connect();
  send(client);
  await expect.poll(() => client.closed()).toMatchObject({ code: 1000 });
  const last = client.frames.at(-1);
  expect(last?.type).toBe("FatalError");
  expect(last?.error).toContain(why);
});

test("a client says Connect before anything else", async () => {
  const { raw } = await start();
  const client = await raw();
  client.add(0, 1, "chat:window", windowArgs);
  expect(await client.next()).toMatchObject({ type: "FatalError", error: "A client says Connect first." });
});

test("a frame that is too large ends the connection unread", async () => {
  const { raw } = await start();
  const client = await raw();
  client.connect();
  client.sendText(" ".repeat(1024 * 1024 + 1));
  await expect.poll(() => client.closed()).toMatchObject({ code: 1009 });
});

test("a client that has seen a later time is caught up with; one from the far future is sent away", async () => {
  const { raw } = await start();
  const ahead = BigInt(Date.now() + 3_600_000) * 1_000_000n;
  const client = await raw();
  client.connect({ maxObservedTimestamp: encodeTimestamp(ahead) });
  client.add(0, 1, "chat:window", windowArgs);
  const { endVersion } = await client.next();
  expect(decodeTimestamp(endVersion?.ts ?? "")).toBe(ahead);
  const other = await raw();
  other.connect({ maxObservedTimestamp: encodeTimestamp(2n ** 63n) });
  await expect.poll(() => other.closed()).toEqual({ code: 1011, reason: "InternalServerError" });
});

const ALL_DAY = { lifeSeconds: 86_400 };

test("tokens that are not good are refused, whatever is wrong with them", async () => {
  const { raw, sign } = await start();
  const { privateKey } = await generateKeyPair("ES256");
  const now = Math.floor(Date.now() / 1000);
  const forged = new SignJWT({})
    .setProtectedHeader({ alg: "ES256", kid: "key-1" })
    .setIssuer(ISSUER)
    .setAudience("test-app")
    .setSubject("ann")
    .setExpirationTime(now + 60);
  const unsigned = `${btoa('{"alg":"none"}')}.${btoa(`{"iss":"${ISSUER}","sub":"ann","aud":"test-app"}`)}.`;
  const secret = new TextEncoder().encode("a secret of thirty-two characters");
  const symmetric = new SignJWT({})
    .setProtectedHeader({ alg: "HS256", kid: "key-1" })
    .setIssuer(ISSUER)
    .setAudience("test-app")
    .setSubject("ann")
    .setExpirationTime(now + 60);
  const bad = {
    expired: await sign({ lifeSeconds: -6 }),
    foreignIssuer: await sign({ ...ALL_DAY, issuer: "https://stranger.example" }),
    foreignAudience: await sign({ ...ALL_DAY, audience: "another-app" }),
    forged: await forged.sign(privateKey),
    unsigned,
    symmetric: await symmetric.sign(secret),
    garbage: "garbage",
  };
  for (const [what, token] of Object.entries(bad)) {
    const client = await raw();
    client.connect();
    client.authenticate(0, token);
    const answer = await client.next();
    expect([what, answer]).toMatchObject([
      what,
      { type: "AuthError", baseVersion: 0, authUpdateAttempted: true },
    ]);
    await expect.poll(() => client.closed()).toMatchObject({ code: 1000 });
  }
});

test("administrators' keys are not taken", async () => {
  const { raw } = await start();
  const client = await raw();
  client.connect();
  client.send({ type: "Authenticate", tokenType: "Admin", value: "key", baseVersion: 0 });
  expect(await client.next()).toMatchObject({ type: "AuthError", authUpdateAttempted: true });
});

test("after a reconnect the first transition has identity and queries together, as of nobody before", async () => {
  const { raw, sign } = await start();
  const client = await raw();
  client.connect({ connectionCount: 1 });
  client.authenticate(0, await sign({ subject: "ann" }));
  client.add(0, 1, "chat:whoami");
  await expect.poll(() => client.frames.at(-1)?.endVersion?.querySet).toBe(1);
  const answers = client.frames.flatMap(({ modifications }) => modifications ?? []);
  expect(answers).toMatchObject([{ queryId: 1, value: { subject: "ann" } }]);
});

test("a transition of more than five megabytes goes in parts that make it up", async () => {
  const { raw, http } = await start();
  const body = '\u{1F600}"é'.repeat(100_000);
  for (let seq = 1; seq <= 8; seq++) await http.mutation(api.chat.post, { channel: "a", seq, body });
  const client = await raw();
  client.connect();
  client.add(0, 1, "chat:window", windowArgs);
  const first = await client.next();
  expect(first.type).toBe("TransitionChunk");
  await expect.poll(() => client.frames.length).toBe(Number(first.totalParts));
  expect(client.frames.map(({ type, partNumber }) => [type, partNumber])).toEqual(
    client.frames.map((_, i) => ["TransitionChunk", i]),
  );
  const whole: unknown = JSON.parse(client.frames.map(({ chunk }) => String(chunk)).join(""));
  expect(whole).toMatchObject({
    type: "Transition",
    modifications: [{ queryId: 1, value: Array.from({ length: 8 }, () => body) }],
  });
});

test("only the sync address takes sockets", async () => {
  const { url } = await start();
  for (const path of ["/api/1.48.0/other", "/api/sync", "/api/a/b/sync"]) {
    const ws = new WebSocket(`${url.replace("http", "ws")}${path}`);
    const error = await new Promise<Error>((resolve) => ws.once("error", resolve));
    expect(error.message).toContain("404");
  }
});
