import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { ConvexProvider, ConvexReactClient, useQuery, type Watch } from "convex/react";
import {
  actionGeneric,
  defineSchema,
  defineTable,
  httpActionGeneric,
  type FunctionArgs,
  type FunctionReference,
} from "convex/server";
import { ConvexError, v } from "convex/values";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, expect, test } from "vitest";
import WebSocket from "ws";
import { api, modules, runs, schema, startTestHost } from "./fixture.testing";

type TestHost = Awaited<ReturnType<typeof startTestHost>>;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  runs.clear();
});

async function start(): Promise<TestHost> {
  const started = await startTestHost();
  closers.push(started.close);
  return started;
}

/** The browser's constructor, as far as the client uses it. */
const webSocketConstructor = WebSocket as unknown as typeof globalThis.WebSocket;

function reactClient(url: string): ConvexReactClient {
  const client = new ConvexReactClient(url, { webSocketConstructor, logger: false });
  closers.push(() => client.close());
  return client;
}

function watch<Query extends FunctionReference<"query">>(
  client: ConvexReactClient,
  query: Query,
  args: FunctionArgs<Query>,
) {
  const watched: Watch<unknown> = client.watchQuery(query, args);
  const seen: unknown[] = [];
  const unwatch = watched.onUpdate(() => {
    try {
      seen.push(watched.localQueryResult());
    } catch (error) {
      seen.push(error);
    }
  });
  return { seen, unwatch };
}

const windowArgs = { channel: "a", after: 0, limit: 2 };

test("a React client sees what is written over HTTP, from the first to the last", async () => {
  const { url, http } = await start();
  const { seen } = watch(reactClient(url), api.chat.window, windowArgs);
  await expect.poll(() => seen).toEqual([[]]);
  await http.mutation(api.chat.post, { channel: "a", seq: 1, body: "one" });
  await expect.poll(() => seen.at(-1)).toEqual(["one"]);
  await http.mutation(api.chat.post, { channel: "a", seq: 2, body: "two" });
  await expect.poll(() => seen.at(-1)).toEqual(["one", "two"]);
});

test("a window that is full never runs again, and other channels' do not either", async () => {
  const { url, http } = await start();
  for (const seq of [1, 2]) await http.mutation(api.chat.post, { channel: "a", seq, body: String(seq) });
  const client = reactClient(url);
  const full = watch(client, api.chat.window, windowArgs);
  const other = watch(client, api.chat.window, { ...windowArgs, channel: "b" });
  const live = watch(client, api.chat.window, { ...windowArgs, after: 2 });
  await expect.poll(() => [full, other, live].map(({ seen }) => seen.length)).toEqual([1, 1, 1]);
  for (const seq of [3, 4, 5]) await http.mutation(api.chat.post, { channel: "a", seq, body: String(seq) });
  await expect.poll(() => live.seen.at(-1)).toEqual(["3", "4"]);
  expect(runs.get("window a 0")).toBe(1);
  expect(runs.get("window b 0")).toBe(1);
});

test("those who follow the same are served by one run", async () => {
  const { url, http } = await start();
  const watches = Array.from({ length: 8 }, () => watch(reactClient(url), api.chat.window, windowArgs));
  await expect.poll(() => watches.every(({ seen }) => seen.length === 1)).toBe(true);
  expect(runs.get("window a 0")).toBe(1);
  await http.mutation(api.chat.post, { channel: "a", seq: 1, body: "one" });
  await expect.poll(() => watches.every(({ seen }) => seen.length === 2)).toBe(true);
  expect(runs.get("window a 0")).toBe(2);
});

test("a result that is the same again is not sent", async () => {
  const { url, http } = await start();
  const { seen } = watch(reactClient(url), api.bank.balances, {});
  await http.mutation(api.bank.deposit, { account: "x", amount: 1 });
  await expect.poll(() => seen.at(-1)).toEqual([{ name: "x", balance: 1 }]);
  const count = seen.length;
  await http.mutation(api.bank.deposit, { account: "x", amount: 0 });
  await http.mutation(api.bank.deposit, { account: "x", amount: 1 });
  await expect.poll(() => seen.at(-1)).toEqual([{ name: "x", balance: 2 }]);
  expect(seen.length).toBe(count + 1);
});

test("useQuery of the React library shows a result that the client has", async () => {
  const { url, http } = await start();
  await http.mutation(api.chat.post, { channel: "a", seq: 1, body: "one" });
  const client = reactClient(url);
  const { seen } = watch(client, api.chat.window, windowArgs);
  await expect.poll(() => seen).toEqual([["one"]]);
  const Page = () => createElement("p", null, JSON.stringify(useQuery(api.chat.window, windowArgs)));
  const html = renderToString(createElement(ConvexProvider, { client }, createElement(Page)));
  expect(html).toBe("<p>[&quot;one&quot;]</p>");
});

test("a client comes back after its connection was cut, and misses nothing", async () => {
  const { url, http, cut } = await start();
  const client = new ConvexClient(url, { webSocketConstructor, logger: false });
  closers.push(() => client.close());
  const seen: unknown[] = [];
  client.onUpdate(api.chat.window, windowArgs, (value) => seen.push(value));
  await expect.poll(() => seen).toEqual([[]]);
  cut();
  await http.mutation(api.chat.post, { channel: "a", seq: 1, body: "one" });
  await expect.poll(() => seen.at(-1)).toEqual(["one"]);
});

test("a query runs as who the token names, and again when somebody else signs in", async () => {
  const { url, sign } = await start();
  const client = reactClient(url);
  client.setAuth(() => sign({ subject: "ann", claims: { role: "person", at: { team: "t" } } }));
  const who = watch(client, api.chat.whoami, {});
  const ann = {
    subject: "ann",
    issuer: "https://issuer.example",
    tokenIdentifier: "https://issuer.example|ann",
    role: "person",
    "at.team": "t",
  };
  await expect.poll(() => who.seen.at(-1)).toEqual(ann);
  client.setAuth(() => sign({ subject: "bob" }));
  await expect.poll(() => who.seen.at(-1)).toMatchObject({ subject: "bob" });
  client.clearAuth();
  await expect.poll(() => who.seen.at(-1)).toBeNull();
});

test("a changed identity reruns nothing that did not ask for it", async () => {
  const { url, sign } = await start();
  const client = reactClient(url);
  const { seen } = watch(client, api.chat.window, windowArgs);
  const who = watch(client, api.chat.whoami, {});
  await expect.poll(() => [seen.length, who.seen.length]).toEqual([1, 1]);
  client.setAuth(() => sign({ subject: "ann" }));
  await expect.poll(() => who.seen.at(-1)).toMatchObject({ subject: "ann" });
  expect(runs.get("window a 0")).toBe(1);
});

test("a token that is refused leaves the client signed out", async () => {
  const { url, sign } = await start();
  const client = reactClient(url);
  const states: boolean[] = [];
  client.setAuth(
    () => sign({ issuer: "https://stranger.example" }),
    (isAuthenticated) => states.push(isAuthenticated),
  );
  const who = watch(client, api.chat.whoami, {});
  await expect.poll(() => states).toEqual([false]);
  await expect.poll(() => who.seen.at(-1)).toBeNull();
});

test("a socket's mutation fails with a text that says why, and does nothing", async () => {
  const { url, http } = await start();
  const client = reactClient(url);
  await expect(client.mutation(api.chat.post, { channel: "a", seq: 1, body: "x" })).rejects.toThrow(
    "answers queries only",
  );
  expect(await http.query(api.chat.window, windowArgs)).toEqual([]);
});

test("a ConvexError keeps its data; another error says nothing but is in the log", async () => {
  const { url, http, log } = await start();
  const refused = watch(reactClient(url), api.chat.refuse, {});
  await expect.poll(() => refused.seen.at(-1)).toBeInstanceOf(ConvexError);
  expect(refused.seen.at(-1)).toMatchObject({ data: { reason: "no" } });
  await expect(http.query(api.chat.refuse)).rejects.toMatchObject({ data: { reason: "no" } });
  expect(log.errors).toEqual([]);
  await expect(http.query(api.chat.fail)).rejects.toThrow(/^\[Request ID: [0-9a-f]{16}\] Server Error$/);
  expect(log.errors).toMatchObject([{ path: "chat:fail", err: { message: "a secret of the server" } }]);
});

test("arguments that do not fit are in the log when somebody signed in sent them, and fill it for nobody else", async () => {
  const { http, log, sign } = await start();
  const nonsense = { channel: 1, after: 0, limit: 2 } as never;
  await expect(http.query(api.chat.window, nonsense)).rejects.toThrow("Server Error");
  expect(log.errors).toEqual([]);
  http.setAuth(await sign({}));
  await expect(http.query(api.chat.window, nonsense)).rejects.toThrow("Server Error");
  expect(log.errors).toMatchObject([{ path: "chat:window" }]);
});

test("a mutation that fails leaves nothing behind", async () => {
  const { http } = await start();
  await http.mutation(api.bank.deposit, { account: "x", amount: 1 });
  const args = { account: "x", amount: 5, isRefused: true };
  await expect(http.mutation(api.bank.deposit, args)).rejects.toMatchObject({
    data: "refused after it was written",
  });
  expect(await http.query(api.bank.balances)).toEqual([{ name: "x", balance: 1 }]);
  expect(await http.query(api.bank.sums)).toEqual([{ name: "x", balance: 1 }]);
});

test("over the network it answers HTTP clients as it does in the process", async () => {
  const { url, sign } = await start();
  const http = new ConvexHttpClient(url, { logger: false });
  await http.mutation(api.chat.post, { channel: "a", seq: 1, body: "one" });
  expect(await http.query(api.chat.window, windowArgs)).toEqual(["one"]);
  http.setAuth(await sign({ subject: "ann" }));
  expect(await http.query(api.chat.whoami)).toMatchObject({ subject: "ann" });
});

test("it does not start with what it cannot run", async () => {
  const table = defineTable({ body: v.string() });
  const cases: (Parameters<typeof startTestHost>[0] & { why: string })[] = [
    { modules: { a: { act: actionGeneric(async () => null) } }, why: "a:act: this host has no actions" },
    {
      modules: { http: { hook: httpActionGeneric(async () => new Response()) } },
      why: "this host has no HTTP actions",
    },
    { modules: { crons: { default: { isCrons: true } } }, why: "this host has no crons" },
    {
      schema: defineSchema({ t: table.searchIndex("by_body", { searchField: "body" }) }),
      why: "this host has no search indexes",
    },
    { schema: defineSchema({ t: defineTable({ other: v.id("nowhere") }) }), why: "names the table nowhere" },
  ];
  for (const { why, ...overrides } of cases) {
    await expect(startTestHost({ modules, schema, ...overrides })).rejects.toThrow(why);
  }
});
