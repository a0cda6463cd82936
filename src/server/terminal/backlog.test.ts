import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket as TcpSocket } from "node:net";
import { pino } from "pino";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { manualClock } from "../clock.testing";
import { createTerminalGateway, type TerminalGateway } from "./gateway";
import type { Terminals } from "./terminals";
import { createTickets, type Tickets } from "./tickets";

const MIB = 1024 * 1024;
const GRANT = { terminalId: "trm_1", sessionId: "ses_1", userId: "usr_1" };
const SIZE = { cols: 80, rows: 24 };
/** Far beyond what was delivered. */
const LIE = { offset: Number.MAX_SAFE_INTEGER };

/** The container's program floods; the container's side is a WebSocket on loopback. */
describe("a viewer who does not read", () => {
  let http: Server;
  let container: WebSocketServer;
  let gateway: TerminalGateway;
  let tickets: Tickets;
  let upstream: WebSocket | null;
  let flood: { frames: number; bytes: number };
  let typed: string;
  let url: string;
  /** The viewer's connections end, as the server sees them. */
  const ends: Promise<unknown>[] = [];
  const viewers: WebSocket[] = [];

  beforeEach(async () => {
    [upstream, typed, ends.length] = [null, "", 0];
    container = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await new Promise((resolve) => container.once("listening", resolve));
    container.on("connection", (program) => {
      program.on("message", (frame: Buffer) => (typed += frame.toString()));
      for (let n = 0; n < flood.frames; n += 1) program.send(frameOf(n * flood.bytes, flood.bytes));
    });
    const attach = () => (upstream = new WebSocket(urlOf(container.address())));
    const terminals: Pick<Terminals, "attach"> = { attach };
    tickets = createTickets(manualClock());
    gateway = createTerminalGateway({
      terminals: terminals as Terminals,
      tickets,
      log: pino({ level: "silent" }),
    });
    http = createServer((req, res) => void gateway.route.handle(req, res, {} as never));
    http.on("upgrade", gateway.upgrade.handle);
    http.on("connection", (socket: TcpSocket) => {
      socket.on("error", () => undefined);
      ends.push(new Promise((resolve) => socket.once("close", resolve)));
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    url = urlOf(http.address());
  });
  afterEach(async () => {
    for (const viewer of viewers.splice(0)) viewer.terminate();
    await gateway.close();
    for (const program of container.clients) program.terminate();
    await new Promise((resolve) => container.close(resolve));
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });

  const urlOf = (address: AddressInfo | string | null) =>
    `ws://127.0.0.1:${typeof address === "object" ? address?.port : address}`;
  function frameOf(offset: number, bytes: number): Buffer {
    const frame = Buffer.alloc(8 + bytes, "y");
    frame.writeBigUInt64BE(BigInt(offset));
    return frame;
  }
  const join = () =>
    `40/terminal,${JSON.stringify({ ...SIZE, ...tickets.issue(GRANT), terminalId: "trm_1" })}`;
  const says = (name: string, what: unknown) => `42/terminal,${JSON.stringify([name, what])}`;

  /** Speaks engine.io by hand, so that it can do what no client does. */
  async function dial(): Promise<WebSocket> {
    const viewer = new WebSocket(`${url}/socket.io/?EIO=4&transport=websocket`);
    viewers.push(viewer);
    viewer.on("error", () => undefined);
    await new Promise((resolve) => viewer.once("message", resolve));
    return viewer;
  }

  /** What the program wrote and nobody has taken from it. */
  const untakenBytes = () => [...container.clients][0]?.bufferedAmount ?? 0;
  /** Acknowledges what was never read, again and again; each time would let another half MiB out of the container. */
  async function lie(rounds: number, send: (packet: string) => unknown): Promise<void> {
    await vi.waitFor(() => expect(upstream?.readyState).toBe(WebSocket.OPEN));
    for (let round = 1; round <= rounds; round += 1) {
      await send(says("ack", LIE));
      await send(says("input", `round ${round}.`));
      await vi.waitFor(() => expect(typed).toContain(`round ${round}.`), { interval: 1 });
    }
  }

  it("is not read for, whatever it acknowledges, until it has read what it has", async () => {
    flood = { frames: 1024, bytes: 64 * 1024 };
    const viewer = await dial();
    viewer.pause();
    viewer.send(join());
    await lie(300, (packet) => viewer.send(packet));
    expect(untakenBytes()).toBeGreaterThan(32 * MIB);

    let takenBytes = 0;
    viewer.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) takenBytes += data.length;
      viewer.send(says("ack", LIE));
    });
    viewer.resume();
    await vi.waitFor(() => expect(takenBytes).toBe(64 * MIB), { timeout: 15_000 });
  });

  it("is not read for when it polls no more, whatever it acknowledges", async () => {
    flood = { frames: 256, bytes: 64 * 1024 };
    const polling = `${url.replace("ws:", "http:")}/socket.io/?EIO=4&transport=polling`;
    const opened = await (await fetch(polling)).text();
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
    const post = (packet: string) => fetch(`${polling}&sid=${sid}`, { method: "POST", body: packet });
    await post(join());
    await lie(60, post);
    expect(untakenBytes()).toBeGreaterThan(4 * MIB);

    let takenBytes = 0;
    while (takenBytes < 16 * MIB) {
      const packets = (await (await fetch(`${polling}&sid=${sid}`)).text()).split("\x1e");
      for (const packet of packets)
        if (packet.startsWith("b")) takenBytes += Buffer.from(packet.slice(1), "base64").length;
      await post(says("ack", LIE));
    }
    expect(takenBytes).toBe(16 * MIB);
  });

  it("is cut off when more than 16 MiB wait for it", async () => {
    flood = { frames: 1, bytes: 17 * MIB };
    const viewer: Socket = io(`${url.replace("ws:", "http:")}/terminal`, {
      auth: { ...SIZE, ...tickets.issue(GRANT), terminalId: "trm_1" },
      transports: ["websocket"],
      reconnection: false,
      forceNew: true,
    });
    expect(await new Promise((resolve) => viewer.once("disconnect", resolve))).toMatch(/transport/);
    await Promise.all(ends);
    await vi.waitFor(() => expect(upstream?.readyState).toBe(WebSocket.CLOSED));
  });

  it("is cut off without a ticket too: its refusals are not kept for it", async () => {
    const viewer = await dial();
    viewer.pause();
    const nobody = `40/${"x".repeat(200 * 1024)},`;
    for (let n = 0; n < 400; n += 1) viewer.send(nobody);
    await Promise.all(ends);
  });
});
