import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ConvexClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { createLocalJWKSet, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { z } from "zod";
import {
  OWNER,
  post,
  type Product,
  readEvents,
  ROOT,
  runTurn,
  sessionIs,
  startProduct,
  until,
} from "./harness";
import { signIn } from "./sign-in-by-hand";

interface Row {
  seq: number;
  type: string;
  at: string;
  data: string;
}
const windowOf = makeFunctionReference<
  "query",
  { sessionId: string; afterSeq: number; limit: number },
  Row[]
>("sessionEvents:window");
const names = makeFunctionReference<"query", Record<string, never>, { id: string; name: string }[]>(
  "people:names",
);
const jwks = z.object({
  keys: z.array(
    z.object({
      kty: z.string(),
      crv: z.string(),
      x: z.string(),
      y: z.string(),
      kid: z.string(),
      alg: z.string(),
    }),
  ),
});
const tokenAnswer = z.object({ result: z.object({ data: z.object({ token: z.string() }) }) });
const configAnswer = z.object({
  result: z.object({ data: z.object({ url: z.string(), kind: z.string() }) }),
});

describe("what a browser watches, by the official Convex client", () => {
  let product: Product;
  const opened: ConvexClient[] = [];
  beforeAll(async () => {
    product = await startProduct();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((client) => client.close()));
  });
  afterAll(async () => product?.close());

  const get = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(`${product.url}/api/trpc/${path}`, { headers });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return response.json() as Promise<unknown>;
  };
  const watch = async (headers: Record<string, string>) => {
    const { url } = configAnswer.parse(await get("convex.config", headers)).result.data;
    const client = new ConvexClient(url, {
      // The library's type of sockets is the browser's.
      webSocketConstructor: WebSocket as unknown as typeof globalThis.WebSocket,
      skipConvexDeploymentUrlCheck: true,
      unsavedChangesWarning: false,
      logger: false,
    });
    // A server that restarts does not answer; the client keeps the token that it has.
    client.setAuth(async () => {
      const answer = await get("convex.token", headers).catch(() => null);
      return answer === null ? null : tokenAnswer.parse(answer).result.data.token;
    });
    opened.push(client);
    return client;
  };
  const bearer = () => ({ authorization: `Bearer ${product.token}` });

  /** As a page: one window after the other, each told until it is full. */
  const follow = (client: ConvexClient, sessionId: string) => {
    const rows = new Map<number, Row>();
    const open = (afterSeq: number) => {
      let isFull = false;
      client.onUpdate(
        windowOf,
        { sessionId, afterSeq, limit: 100 },
        (window) => {
          for (const row of window) rows.set(row.seq, row);
          if (window.length === 100 && !isFull) {
            isFull = true;
            open(afterSeq + 100);
          }
        },
        // One that is not told of yet; the next answer follows by itself.
        () => undefined,
      );
    };
    open(0);
    return rows;
  };

  it("is the session's log, whole and in order, over a kill of the server too", async () => {
    const { client } = product;
    const session = await client.sessions.create.mutate({ title: "Watched", permissionMode: "auto" });
    const rows = follow(await watch(bearer()), session.id);
    await sessionIs(client, session.id, "idle");
    await runTurn(client, { sessionId: session.id, text: "#script\nthink a plan\nsay done\nflood 300" });
    const same = async () => {
      const log = await readEvents(client, session.id);
      await expect.poll(() => rows.size).toBe(log.length);
      expect(
        [...rows.values()].map(({ seq, at, type, data }) => ({
          seq,
          at,
          type,
          data: JSON.parse(data) as unknown,
        })),
      ).toEqual(log);
    };
    await same();

    await product.stop("SIGKILL");
    await product.start();
    await sessionIs(client, session.id, "idle");
    await runTurn(client, { sessionId: session.id, text: "#script\nsay after the restart" });
    await same();
    expect(JSON.stringify([...rows.values()])).toContain("after the restart");
    await client.sessions.remove.mutate({ id: session.id });
  });

  it("ends with the access of whoever watches, on the open socket", async () => {
    const cookie = await signIn(product.url, OWNER);
    const client = await watch({ cookie });
    const told = { answers: 0, refused: "" };
    client.onUpdate(
      names,
      {},
      () => (told.answers += 1),
      (error) => (told.refused = JSON.stringify("data" in error ? error.data : error.message)),
    );
    await until(async () => told.answers > 0, "the first answer");
    expect((await post(product.url, "account.signOutEverywhere", {}, { cookie })).ok).toBe(true);
    await expect.poll(() => told.refused).toContain("signed_out");
    await expect(get("convex.token", { cookie })).rejects.toThrow("not_signed_in");
  });

  it("is nobody's without a token, and nobody's to write", async () => {
    const ask = (path: string, body: object, headers: Record<string, string> = {}) =>
      fetch(`${product.url}/convex/api/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ format: "convex_encoded_json", ...body }),
      });
    const anonymous = await ask("query", { path: "people:names", args: [{}] });
    expect(await anonymous.json()).toMatchObject({ status: "error", errorData: { reason: "signed_out" } });
    const { token } = tokenAnswer.parse(await get("convex.token", bearer())).result.data;
    const batch = {
      people: [],
      sessions: [],
      events: [],
      requests: [],
      closedRequests: [],
      reads: [],
      removed: [],
    };
    const written = await ask(
      "mutation",
      { path: "mirror:push", args: [batch] },
      { authorization: `Bearer ${token}` },
    );
    expect(await written.json()).toMatchObject({ status: "error", errorData: { reason: "not_server" } });
    const forged = await ask(
      "query",
      { path: "people:names", args: [{}] },
      { authorization: `Bearer ${token}x` },
    );
    expect(forged.status).toBe(401);
    expect((await fetch(`${product.url}/convex/api/1.48.0/sync`)).status).not.toBe(200);
  });

  it("is led to by tokens that what `convex jwks` prints verifies", async () => {
    const env = { ...process.env, PORT: new URL(product.url).port, OPENAGENT_DATA_DIR: product.dataDir };
    const args = ["--import", "tsx", "src/server/cli/admin.ts", "convex", "jwks"];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
    const uri = /^OPENAGENT_JWKS=data:text\/plain;charset=utf-8;base64,(.+)$/m.exec(stdout)?.[1] ?? "";
    const keys = createLocalJWKSet(jwks.parse(JSON.parse(Buffer.from(uri, "base64").toString())));
    const issuer = /^OPENAGENT_ISSUER=(.+)$/m.exec(stdout)?.[1];
    expect(issuer).toBe(product.url);
    const { token } = tokenAnswer.parse(await get("convex.token", bearer())).result.data;
    const { payload } = await jwtVerify(token, keys, { issuer: product.url, audience: "openagent" });
    expect(payload).not.toHaveProperty("role");
  });

  it("is ready", async () => {
    const ready: unknown = await (await fetch(`${product.url}/readyz`)).json();
    expect(ready).toMatchObject({ checks: { mirror: "ok" } });
  });
});
