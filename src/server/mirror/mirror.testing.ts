/** For tests: the mirror as it is composed, over a real database, listening on a port of its own. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { pino } from "pino";
import WebSocket from "ws";
import type { Caller } from "../auth/caller";
import { systemClock } from "../clock";
import { composeMirror, type MirrorServices } from "../compose-mirror";
import { users, type Role } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createEventLog, type EventLog } from "../events/event-log";
import { mark } from "../events/outbox";
import { createSecretBox } from "../keys/secret-box";

export interface TestMirror {
  t: TestDatabase;
  log: EventLog;
  mirror: MirrorServices;
  url: string;
  person(id: string, over?: Partial<typeof users.$inferInsert>): Caller;
  tokenOf(caller: Pick<Caller, "userId">): Promise<string>;
  http(token: string | null): ConvexHttpClient;
  /** Whoever opens one closes it, or the test's end does. */
  live(token: () => Promise<string | null>): ConvexClient;
  /** As after a kill: the host's memory is gone, the database stays. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export function callerOf(userId: string, role: Role = "member"): Caller {
  const via = { kind: "browser", loginSessionId: "lgn_1" } as const;
  return { userId, email: `${userId}@example.test`, name: userId, role, via };
}

/** @param over rows that are there before the mirror begins */
export async function openTestMirror(over: (t: TestDatabase) => void = () => undefined): Promise<TestMirror> {
  const t = testDatabase();
  over(t);
  const box = createSecretBox({ id: "test", bytes: randomBytes(32) });
  const server = createServer((req, res) => {
    const facts = {
      requestId: "rq_1",
      ip: "127.0.0.1",
      pathname: req.url ?? "",
      log: pino({ level: "silent" }),
    };
    Promise.resolve(mirror.routes[0]?.handle(req, res, facts)).catch(() => res.writeHead(503).end());
  });
  server.on("upgrade", (req, socket, head) => mirror.upgrades[0]?.handle(req, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Listening on a port, so it is not the name of a socket.
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const quiet = pino({ level: "silent" });
  const start = () =>
    composeMirror({
      db: t.db,
      clock: systemClock,
      log: quiet,
      box,
      origin,
      convexUrl: null,
      tokenSeconds: 300,
    });
  let mirror = start();
  const log = createEventLog({ ...t, onCommit: () => mirror.wake() });
  const url = `${origin}/convex`;
  const opened: ConvexClient[] = [];
  return {
    t,
    log,
    get mirror() {
      return mirror;
    },
    url,
    person(id, row = {}) {
      t.db.transaction((tx) => {
        tx.insert(users)
          .values({
            id,
            email: `${id}@example.test`,
            name: id,
            role: "member",
            passwordHash: "-",
            createdAt: new Date(t.clock.now()).toISOString(),
            ...row,
          })
          .run();
        mark(tx, [{ topic: "person", key: id }]);
      });
      mirror.wake();
      return callerOf(id);
    },
    tokenOf: async ({ userId }) => (await mirror.liveAccess.token(callerOf(userId))).token,
    http: (token) =>
      new ConvexHttpClient(url, {
        skipConvexDeploymentUrlCheck: true,
        logger: false,
        ...(token === null ? {} : { auth: token }),
      }),
    live(token) {
      const client = new ConvexClient(url, {
        // The library's type of sockets is the browser's.
        webSocketConstructor: WebSocket as unknown as typeof globalThis.WebSocket,
        skipConvexDeploymentUrlCheck: true,
        unsavedChangesWarning: false,
        logger: false,
      });
      client.setAuth(token);
      opened.push(client);
      return client;
    },
    async restart() {
      await mirror.stop();
      mirror = start();
    },
    async close() {
      await Promise.all(opened.map((client) => client.close()));
      await mirror.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      t[Symbol.dispose]();
    },
  };
}
