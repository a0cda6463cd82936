import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { terminals as terminalRows } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createDispatcher } from "../http/dispatcher";
import { createOrigins } from "../http/origins";
import { createUpgradeDispatcher } from "../http/upgrades";
import type { Connection } from "../sessions/connections";
import { createTerminalGateway, type TerminalGateway } from "./gateway";
import { createTerminals, type Terminals } from "./terminals";
import { createTickets, TICKET_TTL_MS, type Tickets } from "./tickets";

const SIZE = { cols: 80, rows: 24 };
const COOKIE = { cookie: "next-auth.session-token=x" };

/** Who gets as far as a terminal, over each transport; the container's side is a WebSocket on loopback. */
describe("the way to a terminal", () => {
  let t: TestDatabase;
  let http: Server;
  let container: WebSocketServer;
  let gateway: TerminalGateway;
  let tickets: Tickets;
  let terminals: Terminals;
  let connection: Connection | null;
  let url: string;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    t = testDatabase();
    container = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await new Promise((resolve) => container.once("listening", resolve));
    const client = {
      attachTerminal: () => new WebSocket(`ws://127.0.0.1:${portOf(container.address())}`),
      listTerminals: async () => [],
    } as unknown as Connection["client"];
    connection = { sessionId: t.sessionId, instanceId: "ins_1", client } as Connection;
    tickets = createTickets(t.clock);
    terminals = createTerminals({ ...t, tickets, connectionOf: () => connection });
    const log = pino({ level: "silent" });
    gateway = createTerminalGateway({ terminals, tickets, log });
    http = createServer();
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const port = portOf(http.address());
    url = `http://127.0.0.1:${port}`;
    const origins = createOrigins({ publicUrl: null, port });
    http.on("request", createDispatcher({ routes: [gateway.route], origins, clock: t.clock, log }));
    http.on("upgrade", createUpgradeDispatcher({ routes: [gateway.upgrade], origins, log }));
    for (const id of ["trm_1", "trm_2"])
      t.db
        .insert(terminalRows)
        .values({
          id,
          sessionId: t.sessionId,
          instanceId: "ins_1",
          createdBy: t.userId,
          createdAt: "2026-11-01",
        })
        .run();
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.disconnect();
    await gateway.close();
    for (const viewer of container.clients) viewer.terminate();
    await new Promise((resolve) => container.close(resolve));
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    t[Symbol.dispose]();
  });

  function portOf(address: AddressInfo | string | null): number {
    if (address === null || typeof address === "string") throw new Error("It listens on no port.");
    return address.port;
  }
  const foreign = () => [
    "https://evil.example",
    "null",
    url.replace(/\d+$/, "1"),
    url.replace("http:", "https:"),
    `${url}.evil.example`,
  ];

  it("is closed to polling with a foreign Origin, for opening and for sending alike", async () => {
    const polling = `${url}/socket.io/?EIO=4&transport=polling`;
    const own = await fetch(polling, { headers: { origin: url } });
    const { sid } = JSON.parse((await own.text()).slice(1)) as { sid: string };
    for (const origin of foreign()) {
      expect((await fetch(polling, { headers: { origin } })).status, origin).toBe(403);
      const said = await fetch(`${polling}&sid=${sid}`, { method: "POST", headers: { origin }, body: "40" });
      expect(said.status, origin).toBe(403);
    }
    const byCookie = await fetch(`${polling}&sid=${sid}`, {
      method: "POST",
      headers: { ...COOKIE, "sec-fetch-site": "cross-site" },
      body: "40",
    });
    expect(byCookie.status).toBe(403);
    const said = await fetch(`${polling}&sid=${sid}`, {
      method: "POST",
      headers: { origin: url },
      body: "40",
    });
    expect(said.status).toBe(200);
  });

  it("is closed to WebSockets with a foreign Origin, or with a cookie and none", async () => {
    const target = `${url.replace("http:", "ws:")}/socket.io/?EIO=4&transport=websocket`;
    const dial = (headers: Record<string, string>) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(target, { headers });
        socket.once("error", (error) => resolve(error.message));
        socket.once("message", () => {
          resolve("open");
          socket.terminate();
        });
      });
    for (const origin of foreign()) expect(await dial({ origin, ...COOKIE }), origin).toContain("403");
    expect(await dial(COOKIE)).toContain("403");
    expect(await dial({ ...COOKIE, origin: url })).toBe("open");
  });

  /** What the namespace says to a ticket. */
  function join(ticket: string, terminalId = "trm_1"): Promise<string> {
    const auth = { ticket, terminalId, ...SIZE };
    const socket = io(`${url}/terminal`, {
      auth,
      transports: ["websocket"],
      reconnection: false,
      forceNew: true,
    });
    sockets.push(socket);
    return new Promise((resolve) => {
      socket.once("connect", () => resolve("in"));
      socket.once("connect_error", (error) => resolve(error.message));
    });
  }
  const ticketFor = (terminalId: string) =>
    tickets.issue({ terminalId, sessionId: t.sessionId, userId: t.userId }).ticket;

  it("opens to a ticket once, within 30 s, and to its own terminal alone", async () => {
    const ticket = ticketFor("trm_1");
    expect(await join(ticket)).toBe("in");
    expect(await join(ticket)).toContain("unknown, used or older than 30 s");
    expect(await join(ticketFor("trm_2"))).toContain("The ticket is unknown");
    expect(await join("")).toContain("The ticket is unknown");
    const late = ticketFor("trm_1");
    t.clock.advance(TICKET_TTL_MS);
    expect(await join(late)).toContain("older than 30 s");
  });

  it("is spent by a try with it on another terminal", async () => {
    const ticket = ticketFor("trm_2");
    expect(await join(ticket, "trm_1")).toContain("The ticket is unknown");
    expect(await join(ticket, "trm_2")).toContain("The ticket is unknown");
  });

  it("opens to no ticket whose person may not type in the session, or whose session is gone", async () => {
    const unavailable = (grant: { userId: string; sessionId: string }) => {
      const { ticket } = tickets.issue({ terminalId: "trm_1", ...grant });
      const joined = join(ticket);
      const said = new Promise((resolve) => sockets.at(-1)?.once("state", resolve));
      return joined.then(() => said);
    };
    const no = { state: "unavailable", message: "There is no such terminal, or it is not yours to see." };
    expect(await unavailable({ userId: "usr_stranger", sessionId: t.sessionId })).toEqual(no);
    expect(await unavailable({ userId: t.userId, sessionId: "ses_other000000000" })).toEqual(no);
    expect(container.clients.size).toBe(0);
  });

  describe("for a server that has just started", () => {
    const caller = () => ({
      userId: t.userId,
      email: "a@example.test",
      name: "A",
      role: "owner" as const,
      via: { kind: "browser", loginSessionId: "lgn_1" } as const,
    });
    it("is not in reach yet, which is no end of the terminal", async () => {
      connection = null;
      const soon = { reason: "sidecar_unreachable" };
      await expect(terminals.ticket(caller(), "trm_1")).rejects.toMatchObject(soon);
      await expect(terminals.list(caller(), t.sessionId)).rejects.toMatchObject(soon);
    });
    it("is gone with its container", async () => {
      connection = { ...connection, instanceId: "ins_2" } as Connection;
      await expect(terminals.ticket(caller(), "trm_1")).rejects.toMatchObject({ reason: "not_found" });
    });
  });
});
