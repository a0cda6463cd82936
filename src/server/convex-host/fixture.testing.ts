import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ConvexHttpClient } from "convex/browser";
import {
  anyApi,
  defineSchema,
  defineTable,
  mutationGeneric,
  queryGeneric,
  type ApiFromModules,
  type DataModelFromSchemaDefinition,
  type FilterApi,
  type FunctionReference,
  type MutationBuilder,
  type QueryBuilder,
} from "convex/server";
import { ConvexError, v } from "convex/values";
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from "jose";
import { createConvexHost, type ConvexHostOptions } from "./convex-host";

/** A small project: messages in channels, accounts whose entries in the ledger add up to their balance. */
export const schema = defineSchema({
  messages: defineTable({ channel: v.string(), seq: v.number(), body: v.string() }).index("by_seq", [
    "channel",
    "seq",
  ]),
  accounts: defineTable({ name: v.string(), balance: v.number() }).index("by_name", ["name"]),
  entries: defineTable({ account: v.string(), amount: v.number() }).index("by_account", ["account"]),
});

type DataModel = DataModelFromSchemaDefinition<typeof schema>;
const query: QueryBuilder<DataModel, "public"> = queryGeneric;
const mutation: MutationBuilder<DataModel, "public"> = mutationGeneric;

const post = mutation({
  args: { channel: v.string(), seq: v.number(), body: v.string() },
  handler: async (ctx, message) => {
    await ctx.db.insert("messages", message);
    return null;
  },
});

/** How often each query's function ran, by its name and arguments. */
export const runs = new Map<string, number>();

const window = query({
  args: { channel: v.string(), after: v.number(), limit: v.number() },
  returns: v.array(v.string()),
  handler: async (ctx, { channel, after, limit }) => {
    const name = `window ${channel} ${after}`;
    runs.set(name, (runs.get(name) ?? 0) + 1);
    const rows = await ctx.db
      .query("messages")
      .withIndex("by_seq", (q) => q.eq("channel", channel).gt("seq", after))
      .take(limit);
    return rows.map(({ body }) => body);
  },
});

const whoami = query({
  args: {},
  handler: async (ctx) => {
    runs.set("whoami", (runs.get("whoami") ?? 0) + 1);
    return await ctx.auth.getUserIdentity();
  },
});

const refuse = query({
  args: {},
  handler: async () => {
    throw new ConvexError({ reason: "no" });
  },
});

const fail = query({
  args: {},
  handler: async () => {
    throw new Error("a secret of the server");
  },
});

const deposit = mutation({
  args: { account: v.string(), amount: v.number(), isRefused: v.optional(v.boolean()) },
  handler: async (ctx, { account, amount, isRefused }) => {
    const known = await ctx.db
      .query("accounts")
      .withIndex("by_name", (q) => q.eq("name", account))
      .unique();
    if (known === null) await ctx.db.insert("accounts", { name: account, balance: amount });
    else await ctx.db.patch("accounts", known._id, { balance: known.balance + amount });
    await ctx.db.insert("entries", { account, amount });
    if (isRefused === true) throw new ConvexError("refused after it was written");
    return null;
  },
});

const balances = query({
  args: {},
  handler: async (ctx) => {
    const accounts = await ctx.db.query("accounts").collect();
    return accounts.map(({ name, balance }) => ({ name, balance }));
  },
});

const sums = query({
  args: {},
  handler: async (ctx) => {
    const totals: Record<string, number> = {};
    for await (const { account, amount } of ctx.db.query("entries"))
      totals[account] = (totals[account] ?? 0) + amount;
    return Object.entries(totals).map(([name, balance]) => ({ name, balance }));
  },
});

export const modules = { bank: { deposit, balances, sums }, chat: { post, window, whoami, refuse, fail } };

export const api = anyApi as unknown as FilterApi<
  ApiFromModules<typeof modules>,
  FunctionReference<"query" | "mutation", "public">
>;

export const ISSUER = "https://issuer.example";

export interface TestLog {
  errors: object[];
  warn(o: object, m: string): void;
  error(o: object, m: string): void;
  debug(o: object, m: string): void;
}

export function createTestLog(): TestLog {
  const errors: object[] = [];
  return { errors, warn: () => undefined, error: (o) => void errors.push(o), debug: () => undefined };
}

export async function createTestKeys() {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "key-1", alg: "ES256" };
  const sign = (opts: {
    subject?: string;
    claims?: JWTPayload;
    issuer?: string;
    audience?: string;
    lifeSeconds?: number;
  }): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT(opts.claims ?? {})
      .setProtectedHeader({ alg: "ES256", kid: "key-1", typ: "JWT" })
      .setIssuer(opts.issuer ?? ISSUER)
      .setAudience(opts.audience ?? "test-app")
      .setSubject(opts.subject ?? "somebody")
      .setIssuedAt(now)
      .setExpirationTime(now + (opts.lifeSeconds ?? 300))
      .sign(privateKey);
  };
  return { jwks: { keys: [jwk] }, sign };
}

/** A host with its port on loopback, as a product would compose it. Whoever makes one awaits `close`. */
export async function startTestHost(overrides: Partial<Pick<ConvexHostOptions, "schema" | "modules">> = {}) {
  const keys = await createTestKeys();
  const log = createTestLog();
  const host = createConvexHost({
    schema,
    modules,
    auth: { issuer: ISSUER, applicationID: "test-app", algorithm: "ES256", jwks: keys.jwks },
    mountPath: "/convex",
    log,
    ...overrides,
  });
  const server = createServer((req, res) => void host.handleRequest(req, res));
  const raw = new Set<{ destroy(): void }>();
  server.on("upgrade", (req, socket, head) => {
    raw.add(socket);
    socket.once("close", () => raw.delete(socket));
    host.handleUpgrade(req, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/convex`;
  const http = new ConvexHttpClient(url, { fetch: host.fetch, logger: false });
  return {
    ...keys,
    host,
    log,
    url,
    /** In this process, without a socket. */
    http,
    /** Cuts every client's connection, as a bad network does. */
    cut: () => raw.forEach((socket) => socket.destroy()),
    async close(): Promise<void> {
      await host.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
