import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { openTestAccounts, PASSWORD, type TestAccounts } from "../auth/test-accounts";
import { composeMeasuring } from "../compose-health";
import { createLog } from "../log";
import { createSystem } from "../system";
import { createDispatcher } from "./dispatcher";
import { createHealthRoutes } from "./health";
import { createMetricsRoute } from "./metrics";
import { createHttpServer, type HttpServer } from "./http-server";
import { createOrigins } from "./origins";
import { createTrpcRoute } from "./trpc-handler";
import { createUpgradeDispatcher } from "./upgrades";

const errorBody = z.object({
  error: z.object({
    message: z.string(),
    data: z.object({
      code: z.string(),
      reason: z.string(),
      detail: z.string().nullable(),
      requestId: z.string(),
      httpStatus: z.number(),
    }),
  }),
});

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

describe("the HTTP server", () => {
  let accounts: TestAccounts;
  let server: HttpServer;
  let port: number;
  let failing = false;
  let metricsToken: string | null = null;
  let stopMeasuring = () => undefined as void;
  const logged: string[] = [];

  async function start(publicUrl: URL | null): Promise<void> {
    const log = createLog({ level: "info", destination: { write: (line) => void logged.push(line) } });
    const ok = async () => "ok";
    const engine = async () => (failing ? Promise.reject(new Error("a stack")) : "ok");
    const system = createSystem({
      version: "1.2.3",
      claims: accounts.claims,
      checks: { database: ok, engine, image: ok, mirror: async () => "off", backups: async () => "off" },
      log,
    });
    const measuring = composeMeasuring(accounts.clock, log);
    stopMeasuring();
    stopMeasuring = () => measuring.stop();
    const health = measuring.health({
      ...accounts,
      system,
      isStreaming: () => false,
      mirrorLag: () => ({ waiting: 0, oldestMs: 0, parked: 0 }),
    });
    const services = { ...accounts, system, health };
    const metrics = createMetricsRoute({ token: metricsToken, metrics: health.metrics });
    // The allow-list holds the port, which is known once the server listens.
    const late: {
      request?: ReturnType<typeof createDispatcher>;
      upgrade?: ReturnType<typeof createUpgradeDispatcher>;
    } = {};
    server = createHttpServer({
      request: (req, res) => late.request?.(req, res),
      upgrade: (req, socket, head) => late.upgrade?.(req, socket, head),
    });
    port = await server.listen({ host: "127.0.0.1", port: 0 });
    const origins = createOrigins({ publicUrl, port });
    const page = {
      prefix: "/",
      handle: (_req: unknown, res: { end(text: string): void }) => res.end("page"),
    };
    const form = { ...page, prefix: "/api/auth", hasOwnCsrfToken: true };
    late.request = createDispatcher({
      routes: [page, form, ...createHealthRoutes(system), metrics, createTrpcRoute(services as never)],
      origins,
      clock: accounts.clock,
      log,
    });
    const accept = {
      prefix: "/socket.io",
      handle: (_req: unknown, socket: { end(text: string): void }) =>
        socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    };
    late.upgrade = createUpgradeDispatcher({ routes: [accept], origins, log });
  }

  beforeEach(async () => {
    [failing, metricsToken, logged.length] = [false, null, 0];
    accounts = openTestAccounts();
    await start(null);
  });
  afterEach(async () => {
    stopMeasuring();
    await server.close();
    accounts.close();
  });

  /** Node's own client: it sends the Host and Origin that it is told to. */
  function send(
    path: string,
    opts: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const req = httpRequest(
        { port, host: "127.0.0.1", path, method: opts.method ?? "GET", headers: { ...opts.headers } },
        (res) => {
          const chunks: Buffer[] = [];
          res.on("data", (chunk: Buffer) => chunks.push(chunk));
          res.on("end", () =>
            resolve({
              status: res.statusCode ?? 0,
              headers: res.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      req.on("error", reject);
      req.end(opts.body);
    });
  }
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    send(path, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });
  /** Bytes as they are; resolves with all that comes back until the other side ends. */
  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      const chunks: Buffer[] = [];
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.on("end", () => resolve(Buffer.concat(chunks).toString()));
      socket.on("error", reject);
    });
  }
  const upgrade = (path: string, lines: string[] = []) =>
    raw(
      [
        `GET ${path} HTTP/1.1`,
        `Host: 127.0.0.1:${port}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        ...lines,
        "",
        "",
      ].join("\r\n"),
    );
  const errorOf = (answer: Answer) => errorBody.parse(JSON.parse(answer.text)).error;
  const info = "/api/trpc/system.info";

  describe("names and targets", () => {
    it("answers to both loopback names and to no other", async () => {
      expect((await send(info, { headers: { host: `localhost:${port}` } })).status).toBe(200);
      for (const host of [
        "evil.example",
        `evil.example:${port}`,
        "localhost",
        `localhost:${port}.evil.example`,
        `127.0.0.1:${port + 1}`,
      ]) {
        const answer = await send(info, { headers: { host } });
        expect(answer.status, host).toBe(403);
        expect(errorOf(answer).message).toContain("OPENAGENT_URL");
      }
      expect(await raw(`GET ${info} HTTP/1.0\r\n\r\n`)).toMatch(/^HTTP\/1.1 403 /);
    });

    it("answers only to OPENAGENT_URL when it is set; health stays reachable for a supervisor on the machine", async () => {
      await server.close();
      await start(new URL("https://agents.example.test"));
      expect((await send(info, { headers: { host: "agents.example.test" } })).status).toBe(200);
      expect((await send(info)).status).toBe(403);
      expect((await send("/readyz")).status).toBe(200);
      expect((await send("/healthz", { headers: { host: "evil.example" } })).status).toBe(403);
    });

    it("tells a page that was opened by http where it goes by https", async () => {
      await server.close();
      await start(new URL("https://agents.example.org"));
      const headers = { host: "agents.example.org", origin: "http://agents.example.org" };
      const answer = await post("/api/trpc/system.claim", "{}", headers);
      expect(answer.status).toBe(403);
      expect(errorOf(answer).message).toContain("Open this server at https://agents.example.org");
    });

    it.each([
      "http://127.0.0.1:9/",
      "http://127.0.0.1/api/trpc/system.info",
      "//evil.example/x",
      "/\\evil.example",
    ])("refuses the target %s", async (target) => {
      const answer = await raw(
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
    });
  });

  describe("other sites' pages", () => {
    const foreign = [
      "null",
      "http://evil.example",
      "https://127.0.0.1",
      "http://127.0.0.1.evil.example",
      "http://localhost:1",
    ];

    it("are refused whatever they send along", async () => {
      for (const origin of foreign) {
        const extras: Record<string, string>[] = [{}, { cookie: "a=b" }, { authorization: "Bearer oa_x" }];
        for (const extra of extras) {
          const answer = await post("/api/trpc/system.claim", "{}", { origin, ...extra });
          expect(answer.status, origin).toBe(403);
        }
        expect((await send(info, { headers: { origin } })).status).toBe(403);
        expect((await post("/api/auth/signout", "", { origin })).status).toBe(403);
        expect(await upgrade("/socket.io/", [`Origin: ${origin}`])).toMatch(/^HTTP\/1.1 403 /);
      }
      const capitals = `HTTP://LOCALHOST:${port}`;
      expect((await send(info, { headers: { origin: capitals } })).status).toBe(403);
    });

    it("cannot hide behind a cookie: browsers say where a change comes from, and sockets must", async () => {
      const headers = { cookie: "a=b" };
      for (const site of ["cross-site", "same-site"]) {
        const answer = await post("/api/trpc/system.claim", "{}", { ...headers, "sec-fetch-site": site });
        expect(answer.status).toBe(403);
      }
      expect(await upgrade("/socket.io/", ["Cookie: a=b"])).toMatch(/^HTTP\/1.1 403 /);
      expect(
        (await post("/api/trpc/system.claim", "{}", { ...headers, origin: `http://localhost:${port}` }))
          .status,
      ).toBe(400);
      expect(
        (await post("/api/trpc/system.claim", "{}", { ...headers, authorization: "Bearer oa_x" })).status,
      ).toBe(400);
      expect((await send(info, { headers })).status).toBe(200);
      // A program with a cookie of its own: no browser leaves both headers out.
      expect((await post("/api/trpc/system.claim", "{}", headers)).status).toBe(400);
      expect((await post("/api/auth/signout", "", headers)).text).toBe("page");
    });

    it("cannot send a form to tRPC", async () => {
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
      ]) {
        const answer = await send("/api/trpc/system.claim", {
          method: "POST",
          body: "{}",
          headers: { "content-type": type },
        });
        expect(answer.status, type).toBe(415);
      }
    });
  });

  describe("upgrades", () => {
    it("reach the handler of their path from our own page, or from a script without a cookie", async () => {
      expect(await upgrade("/socket.io/?EIO=4", [`Origin: http://localhost:${port}`, "Cookie: a=b"])).toMatch(
        /^HTTP\/1.1 101 /,
      );
      expect(await upgrade("/socket.io/?EIO=4")).toMatch(/^HTTP\/1.1 101 /);
    });

    it("are refused on every other path, with a foreign name and in absolute form", async () => {
      for (const path of ["/", "/_next/hmr", "/socket.iox", "/api/trpc", "/convex"])
        expect(await upgrade(path)).toMatch(/^HTTP\/1.1 404 /);
      expect(await upgrade("http://127.0.0.1:9/socket.io/")).toMatch(/^HTTP\/1.1 400 /);
      const answer = await raw(
        "GET /socket.io/ HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      );
      expect(answer).toMatch(/^HTTP\/1.1 403 /);
    });
  });

  describe("tRPC", () => {
    it("answers plain JSON, with a request's id and headers that browsers heed", async () => {
      const answer = await send(info);
      expect(JSON.parse(answer.text)).toEqual({
        result: { data: { version: "1.2.3", claimed: false, authProviders: ["credentials"] } },
      });
      expect(answer.headers["x-request-id"]).toMatch(/^rq_[0-9a-f]{16}$/);
      expect(answer.headers["x-content-type-options"]).toBe("nosniff");
      expect(answer.headers["content-security-policy"]).toBe(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      );
    });

    it("takes a well-formed request id from outside into its answer, its error and its log", async () => {
      const mine = "01J9-from_the-client";
      const answer = await post("/api/trpc/account.update", "{}", { "x-request-id": mine });
      expect(answer.headers["x-request-id"]).toBe(mine);
      expect(errorOf(answer).data.requestId).toBe(mine);
      await vi.waitFor(() =>
        expect(logged.filter((line) => line.includes('"msg":"request"'))).toHaveLength(1),
      );
      expect(JSON.parse(logged[0] ?? "")).toMatchObject({
        requestId: mine,
        path: "/api/trpc/account.update",
      });
    });

    it.each(["short", "with a space in it", 'quote"d-0123456789', "x".repeat(65), "ünïcödé-0123", ""])(
      "makes a request id of its own in the place of %j",
      async (given) => {
        const latin1 = Buffer.from(given, "utf8").toString("latin1");
        const answer = await send(info, { headers: { "x-request-id": latin1 } });
        expect(answer.headers["x-request-id"]).toMatch(/^rq_[0-9a-f]{16}$/);
      },
    );

    it("tells whoever is not signed in so, also with a token that is no token", async () => {
      for (const authorization of ["Bearer %E0%A4%A", "Bearer oa_x", "Bearer"]) {
        const answer = await send("/api/trpc/account.me", { headers: { authorization } });
        expect(answer.status).toBe(401);
        expect(errorOf(answer).data).toMatchObject({
          code: "UNAUTHORIZED",
          reason: "not_signed_in",
          requestId: answer.headers["x-request-id"],
        });
      }
    });

    it("knows a script by its token, and lets it make no other", async () => {
      const { userId } = await accounts.person("alice");
      const { token } = accounts.tokens.create({ userId, name: "test" });
      const headers = { authorization: `Bearer ${token}` };
      const me = await send("/api/trpc/account.me", { headers });
      expect(JSON.parse(me.text)).toEqual({
        result: { data: { id: userId, name: "alice", email: "alice@example.test", role: "member" } },
      });
      const more = await post("/api/trpc/account.tokens.create", `{"name":"another"}`, headers);
      expect(more.status).toBe(403);
      expect(errorOf(more).data.reason).toBe("not_allowed");
    });

    it("names the field that is wrong, in a sentence", async () => {
      const answer = await post(
        "/api/trpc/system.claim",
        JSON.stringify({ code: "x", name: "n", email: "no", password: PASSWORD }),
      );
      expect(answer.status).toBe(400);
      expect(errorOf(answer)).toMatchObject({
        message: expect.stringContaining(`"email"`) as string,
        data: { reason: "bad_input" },
      });
      expect(errorOf(await post("/api/trpc/system.claim", "{")).data).toMatchObject({ reason: "bad_input" });
      expect(errorOf(await send("/api/trpc/no.such")).data).toMatchObject({
        code: "NOT_FOUND",
        reason: "not_found",
      });
    });

    it("claims, and refuses a second claim and the eleventh wrong code with when to come back", async () => {
      const code = accounts.claims.ensureCode() ?? "";
      const claim = (given: string) =>
        post(
          "/api/trpc/system.claim",
          JSON.stringify({ code: given, name: "Olive", email: "olive@example.test", password: PASSWORD }),
        );
      for (let i = 0; i < 10; i++)
        expect(errorOf(await claim("AAAA-AAAA")).data.reason).toBe("wrong_claim_code");
      const throttled = await claim(code);
      expect(throttled.status).toBe(429);
      expect(Number(throttled.headers["retry-after"])).toBeGreaterThan(0);
      accounts.clock.advance(15 * 60_000 + 1);
      expect((await claim(code)).status).toBe(200);
      expect(errorOf(await claim(code)).data).toMatchObject({ code: "CONFLICT", reason: "already_claimed" });
    });

    it("refuses more than twenty calls in one request, and a body over 1 MiB, told or not; prompts may be larger", async () => {
      const paths = Array.from({ length: 21 }, () => "system.info").join(",");
      expect((await send(`/api/trpc/${paths}?batch=1`)).status).toBe(400);
      expect((await send(`/api/trpc/${",".repeat(5000)}?batch=1`)).status).toBe(400);
      const big = JSON.stringify({ code: "x".repeat(1024 * 1024) });
      expect(
        (await post("/api/trpc/system.claim", big, { "content-length": String(big.length) })).status,
      ).toBe(413);
      expect((await post("/api/trpc/system.claim", big, { "transfer-encoding": "chunked" })).status).toBe(
        413,
      );
      expect((await post("/api/trpc/prompts.send", big)).status).not.toBe(413);
    });
  });

  it("writes down refused requests one by one up to a number a minute, then how many more there were", async () => {
    const refusals = () => logged.filter((line) => line.includes('"status":403')).length;
    const foreign = { headers: { host: "evil.example" } };
    for (let n = 0; n < 130; n += 1) expect((await send(info, foreign)).status).toBe(403);
    await vi.waitFor(() => expect(refusals()).toBe(120));
    accounts.clock.advance(60_000);
    await send(info, foreign);
    await vi.waitFor(() => expect(refusals()).toBe(121));
    expect(logged.filter((line) => line.includes('"leftOut":10'))).toHaveLength(1);
  });

  describe("metrics", () => {
    const TOKEN = "0123456789abcdef0123456789abcdef";
    const withToken = async () => {
      await server.close();
      metricsToken = TOKEN;
      await start(null);
    };
    const scrape = (authorization?: string, opts: { method?: string; path?: string } = {}) =>
      send(opts.path ?? "/metrics", {
        ...(opts.method !== undefined && { method: opts.method }),
        ...(authorization !== undefined && { headers: { authorization } }),
      });

    it("are not there while the operator has set no token, whatever is sent", async () => {
      for (const authorization of [
        undefined,
        "Bearer ",
        "Bearer null",
        "Bearer undefined",
        `Bearer ${TOKEN}`,
      ]) {
        const answer = await scrape(authorization);
        expect(answer.status, authorization).toBe(404);
        expect(answer.text).not.toContain("openagent_");
      }
    });

    it("are given to the bearer of the token", async () => {
      await withToken();
      const answer = await scrape(`Bearer ${TOKEN}`);
      expect(answer.status).toBe(200);
      expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(answer.text).toContain('openagent_info{version="1.2.3"} 1');
    });

    it("are refused to everybody else: no token, another one, a part of it, an owner's", async () => {
      await withToken();
      const { userId } = await accounts.person("olive", "owner");
      const { token } = accounts.tokens.create({ userId, name: "test" });
      for (const authorization of [
        undefined,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        `Bearer ${TOKEN.slice(1)}`,
        `Bearer ${TOKEN}0`,
        `bearer ${TOKEN}`,
        `Basic ${Buffer.from(`x:${TOKEN}`).toString("base64")}`,
        `Bearer ${token}`,
      ]) {
        const answer = await scrape(authorization);
        expect(answer.status, authorization).toBe(401);
        expect(answer.headers["www-authenticate"]).toBe("Bearer");
        expect(answer.text).not.toContain("openagent_sessions");
      }
    });

    it("are read, and there are none below", async () => {
      await withToken();
      expect((await scrape(`Bearer ${TOKEN}`, { method: "POST" })).status).toBe(405);
      expect((await scrape(`Bearer ${TOKEN}`, { path: "/metrics/more" })).status).toBe(404);
      const foreign = { headers: { host: "evil.example", authorization: `Bearer ${TOKEN}` } };
      expect((await send("/metrics", foreign)).status).toBe(403);
    });
  });

  it("tells owners and admins how the server is, and nobody else", async () => {
    const statuses: Record<string, number> = { nobody: (await send("/api/trpc/system.health")).status };
    for (const role of ["owner", "admin", "member", "viewer"] as const) {
      const { userId } = await accounts.person(role, role);
      const { token } = accounts.tokens.create({ userId, name: "test" });
      const answer = await send("/api/trpc/system.health", { headers: { authorization: `Bearer ${token}` } });
      statuses[role] = answer.status;
      if (answer.status !== 200) expect(answer.text).not.toContain("uptimeSeconds");
      else
        expect(JSON.parse(answer.text)).toMatchObject({
          result: {
            data: {
              ...{ version: "1.2.3", uptimeSeconds: 0, ready: true, checks: { mirror: "off" } },
              ...{ sessions: { active: 0, idle: 0 }, recent: { eventsPerSecond: 0, streamLagP95Ms: null } },
            },
          },
        });
    }
    expect(statuses).toEqual({ nobody: 401, owner: 200, admin: 200, member: 403, viewer: 403 });
  });

  it("tells health and readiness, and the failing check in a sentence without its stack", async () => {
    expect(JSON.parse((await send("/healthz")).text)).toEqual({ status: "ok", version: "1.2.3" });
    expect(JSON.parse((await send("/readyz")).text)).toEqual({
      checks: { database: "ok", engine: "ok", image: "ok", mirror: "off", backups: "off" },
    });
    failing = true;
    const answer = await send("/readyz", { headers: { "x-request-id": "probe-0001" } });
    expect(answer.status).toBe(503);
    expect(answer.text).toContain("The check failed");
    expect(answer.text).not.toContain("a stack");
    const told = logged.find((line) => line.includes("readiness check failed")) ?? "{}";
    expect(JSON.parse(told)).toMatchObject({ requestId: "probe-0001", check: "engine" });
  });
});
