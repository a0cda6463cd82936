import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { eq } from "drizzle-orm";
import { pino } from "pino";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { sessions, terminals as terminalRows, users } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createDispatcher } from "../http/dispatcher";
import { createOrigins } from "../http/origins";
import { createUpgradeDispatcher } from "../http/upgrades";
import type { Connection } from "../sessions/connections";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { createTerminalGateway, type TerminalGateway } from "./gateway";
import { createTerminals, type Terminals } from "./terminals";
import { createTickets, type Tickets } from "./tickets";

const TERMINAL = "trm_1";
const ONCE = { transports: ["websocket"], reconnection: false, forceNew: true };
const FRAME_BYTES = 16 * 1024;
/** After the last of these the gateway takes nothing more from the container for a viewer that acknowledges nothing. */
const FRAMES_UNTIL_PAUSE = (512 * 1024) / FRAME_BYTES + 1;

/** Whoever may type loses it while the terminal is open. The container's side is a WebSocket on loopback. */
describe("an open terminal", () => {
  let t: TestDatabase;
  let http: Server;
  let container: WebSocketServer;
  let tickets: Tickets;
  let terminals: Terminals;
  let gateway: TerminalGateway;
  let typed: string[];
  /** What the container's program does with a new viewer. */
  let onViewer: (viewer: WebSocket) => void;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    t = testDatabase();
    [typed, onViewer] = [[], () => undefined];
    container = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await new Promise((resolve) => container.once("listening", resolve));
    container.on("connection", (viewer) => {
      viewer.on("message", (frame: Buffer) => typed.push(frame.toString()));
      onViewer(viewer);
    });
    const attachTerminal = () => new WebSocket(urlOf(container.address()));
    const client: Pick<SidecarClient, "attachTerminal"> = { attachTerminal };
    const connection = { sessionId: t.sessionId, instanceId: "ins_1", client } as Connection;
    tickets = createTickets(t.clock);
    terminals = createTerminals({ ...t, tickets, connectionOf: () => connection });
    gateway = createTerminalGateway({ terminals, tickets, log: pino({ level: "silent" }) });
    http = createServer();
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const origins = createOrigins({ publicUrl: null, port: Number(new URL(urlOf(http.address())).port) });
    const log = pino({ level: "silent" });
    http.on("request", createDispatcher({ routes: [gateway.route], origins, clock: t.clock, log }));
    http.on("upgrade", createUpgradeDispatcher({ routes: [gateway.upgrade], origins, log }));
    const bob = { id: "usr_bob", email: "b@example.test", name: "Bob", role: "member" as const };
    t.db
      .insert(users)
      .values({ ...bob, passwordHash: "-", createdAt: "2026-11-01" })
      .run();
    share("team-write");
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

  function share(visibility: "private" | "team-read" | "team-write"): void {
    t.db.update(sessions).set({ visibility }).where(eq(sessions.id, t.sessionId)).run();
  }

  function urlOf(address: AddressInfo | string | null): string {
    if (address === null || typeof address === "string") throw new Error("It listens on no port.");
    return `ws://127.0.0.1:${address.port}`;
  }

  function ticketFor(userId: string): string {
    return tickets.issue({ terminalId: TERMINAL, sessionId: t.sessionId, userId }).ticket;
  }

  function dial(ticket: string): Socket {
    const url = urlOf(http.address()).replace("ws:", "http:");
    const auth = { ticket, terminalId: TERMINAL, cols: 80, rows: 24 };
    const socket = io(`${url}/terminal`, { auth, ...ONCE });
    sockets.push(socket);
    return socket;
  }
  /** Resolves when what it types reaches the container. */
  async function openAs(userId: string): Promise<Socket> {
    const socket = dial(ticketFor(userId));
    socket.emit("input", `hello of ${userId}`);
    await expect.poll(() => typed.join()).toContain(`hello of ${userId}`);
    return socket;
  }
  const ended = (socket: Socket) => new Promise<string>((resolve) => socket.once("disconnect", resolve));
  /** The owner's way is still open: the container hears what they type, and of the other nothing. */
  async function onlyOwnerIsHeard(owner: Socket, other: Socket): Promise<void> {
    other.emit("input", "from outside");
    owner.emit("input", "still here");
    await expect.poll(() => typed.join()).toContain("still here");
    expect(typed.join()).not.toContain("from outside");
    await expect.poll(() => container.clients.size).toBe(1);
  }

  it.each(["", "/admin"])(
    "is the only thing here: namespace %j lets nobody in, a ticket or not",
    async (name) => {
      const auth = { ticket: ticketFor("usr_bob"), terminalId: TERMINAL, cols: 80, rows: 24 };
      const socket = io(`${urlOf(http.address()).replace("ws:", "http:")}${name}`, { auth, ...ONCE });
      sockets.push(socket);
      const joined = new Promise((resolve) => socket.once("connect", () => resolve("joined")));
      const refused = new Promise((resolve) => socket.once("connect_error", () => resolve("refused")));
      expect(await Promise.race([joined, refused])).toBe("refused");
    },
  );

  it.each(["/socket.io", "/socket.io?EIO=4&transport=polling"])(
    "is not at %s, which is answered at once and not left hanging",
    async (path) => {
      const url = `${urlOf(http.address()).replace("ws:", "http:")}${path}`;
      const answer = await fetch(url);
      expect(answer.status).toBe(404);
      expect(await answer.text()).toContain("Sockets are at /socket.io/.");
      const socket = new WebSocket(url.replace("http:", "ws:"));
      const failure = new Promise<string>((resolve) => socket.once("error", (e) => resolve(e.message)));
      expect(await failure).toContain("404");
    },
  );

  it.each(["private", "team-read"] as const)(
    "ends for a member when the session becomes %s, and not for its owner",
    async (visibility) => {
      const [owner, bob] = [await openAs(t.userId), await openAs("usr_bob")];
      const left = ended(bob);
      share(visibility);
      terminals.recheckAccess(t.sessionId);
      expect(await left).toBe("io server disconnect");
      await onlyOwnerIsHeard(owner, bob);
    },
  );

  it("ends for a member who is made a viewer", async () => {
    const [owner, bob] = [await openAs(t.userId), await openAs("usr_bob")];
    const left = ended(bob);
    t.db.update(users).set({ role: "viewer" }).where(eq(users.id, "usr_bob")).run();
    terminals.recheckAccess(t.sessionId);
    expect(await left).toBe("io server disconnect");
    await onlyOwnerIsHeard(owner, bob);
  });

  it("ends for a viewer from whom nothing more is heard while the program floods", async () => {
    onViewer = (viewer) => {
      for (let n = 0; n < 2 * FRAMES_UNTIL_PAUSE; n += 1) {
        const frame = Buffer.alloc(8 + FRAME_BYTES);
        frame.writeBigUInt64BE(BigInt(n * FRAME_BYTES));
        viewer.send(frame);
      }
    };
    const bob = dial(ticketFor("usr_bob"));
    let frames = 0;
    bob.on("output", () => (frames += 1));
    await expect.poll(() => frames).toBeGreaterThanOrEqual(FRAMES_UNTIL_PAUSE);
    const [viewer] = container.clients;
    const gone = new Promise((resolve) => viewer?.once("close", resolve));
    const left = ended(bob);
    share("private");
    terminals.recheckAccess(t.sessionId);
    expect(await left).toBe("io server disconnect");
    await gone;
  });

  it("ends before the way to the container is open", async () => {
    const socket = terminals.attach({ terminalId: TERMINAL, sessionId: t.sessionId, userId: "usr_bob" }, 0);
    const failed = new Promise((resolve) => socket.once("error", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    share("private");
    terminals.recheckAccess(t.sessionId);
    await failed;
    await closed;
    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });

  it("is left alone by another session's change and by a change that takes nothing away", async () => {
    const bob = await openAs("usr_bob");
    terminals.recheckAccess(t.sessionId);
    share("private");
    terminals.recheckAccess("ses_other000000000");
    bob.emit("input", "go on");
    await expect.poll(() => typed.join()).toContain("go on");
  });

  it("cannot be opened with a ticket from before, and no new ticket is given", async () => {
    t.db
      .insert(terminalRows)
      .values({
        id: TERMINAL,
        sessionId: t.sessionId,
        instanceId: "ins_1",
        createdBy: "usr_bob",
        createdAt: "2026-11-01",
      })
      .run();
    const caller = {
      userId: "usr_bob",
      email: "b@example.test",
      name: "Bob",
      role: "member" as const,
      via: { kind: "browser", loginSessionId: "lgn_1" } as const,
    };
    const { ticket } = await terminals.ticket(caller, TERMINAL);
    share("team-read");
    const socket = dial(ticket);
    const state = new Promise((resolve) => socket.once("state", resolve));
    const left = ended(socket);
    expect(await state).toEqual({
      state: "unavailable",
      message: "There is no such terminal, or it is not yours to see.",
    });
    expect(await left).toBe("io server disconnect");
    expect(container.clients.size).toBe(0);
    await expect(terminals.ticket(caller, TERMINAL)).rejects.toThrow(
      "You may read this session and not change it.",
    );
  });
});
