import { createServer, type IncomingMessage } from "node:http";
import { Server, type Socket } from "socket.io";
import type { RawData, WebSocket } from "ws";
import { z } from "zod";
import { terminalCommand, terminalNotice, terminalSize } from "../../../sidecar/src/protocol";
import { AppError } from "../errors";
import type { RequestRoute } from "../http/dispatcher";
import type { UpgradeRoute } from "../http/upgrades";
import type { Logger } from "../log";
import { type Backlog, watchBacklog } from "./backlog";
import { createCommands } from "./commands";
import type { Terminals } from "./terminals";
import type { TicketGrant, Tickets } from "./tickets";

/** Unacknowledged bytes after which nothing more is read from the container for this viewer. */
const MAX_UNACKED_BYTES = 512 * 1024;
/** As above, of bytes that have not left this process: a viewer may acknowledge what it never read. */
const MAX_UNSENT_BYTES = 1024 * 1024;
const OFFSET_BYTES = 8;
const PATH = "/socket.io";
/** WebSocket's "message too big", as the sidecar says it of a program that does not read. */
const TOO_MUCH_INPUT = 1009;

const handshake = terminalSize.extend({
  ticket: z.string().max(200),
  terminalId: z.string().max(128),
  afterByte: z.number().int().nonnegative().optional(),
});

export interface TerminalGateway {
  /** socket.io's long polling. */
  route: RequestRoute;
  /** Its WebSockets. */
  upgrade: UpgradeRoute;
  close(): Promise<void>;
}

/**
 * socket.io namespace `/terminal` (contract.md). A ticket lets one socket attach to one terminal; the gateway only relays:
 * offsets, ring buffer and back-pressure live beside the program, in the sidecar.
 * Host and Origin were checked by the dispatchers, for polling and WebSocket alike.
 */
export function createTerminalGateway(opts: {
  terminals: Terminals;
  tickets: Tickets;
  log: Logger;
}): TerminalGateway {
  const io = new Server({
    path: PATH,
    serveClient: false,
    maxHttpBufferSize: 256 * 1024,
    connectTimeout: 10_000,
  });
  // socket.io listens on whatever server it is attached to; ours are dispatched by hand, so it gets one that never listens.
  const inbox = createServer();
  io.attach(inbox);
  const backlogs = new WeakMap<Socket["conn"], Backlog>();
  io.engine.on("connection", (conn: Socket["conn"]) => backlogs.set(conn, watchBacklog(conn)));

  // socket.io has this namespace whether anybody wants it or not; whoever joined would hold a connection with no ticket.
  io.use((_socket, next) =>
    next(refusal("There is nothing here. Terminals are in the namespace /terminal.")),
  );

  const admitted = new WeakMap<
    Socket,
    { grant: TicketGrant; cols: number; rows: number; afterByte?: number | undefined }
  >();
  io.of("/terminal").use((socket, next) => {
    const parsed = handshake.safeParse(socket.handshake.auth);
    const grant = parsed.success ? opts.tickets.redeem(parsed.data.ticket) : null;
    if (!parsed.success || grant?.terminalId !== parsed.data.terminalId) {
      next(
        refusal("The ticket is unknown, used or older than 30 s. Ask for a new one with terminals.ticket."),
      );
      return;
    }
    admitted.set(socket, { grant, ...parsed.data });
    next();
  });
  io.of("/terminal").on("connection", (socket) => {
    const admission = admitted.get(socket);
    const backlog = backlogs.get(socket.conn);
    if (!admission || !backlog) {
      socket.disconnect(true);
      return;
    }
    try {
      const upstream = opts.terminals.attach(admission.grant, admission.afterByte ?? 0);
      relay(socket, upstream, { size: admission, backlog, log: opts.log });
    } catch (error) {
      socket.emit("state", {
        state: "unavailable",
        message: error instanceof AppError ? error.message : "The terminal cannot be reached.",
      });
      socket.disconnect(true);
    }
  });

  return {
    route: {
      prefix: PATH,
      handle(request, response) {
        requireOurs(request);
        inbox.emit("request", request, response);
      },
    },
    upgrade: {
      prefix: PATH,
      handle(request, socket, head) {
        requireOurs(request);
        inbox.emit("upgrade", request, socket, head);
      },
    },
    async close() {
      io.disconnectSockets(true);
      await io.close();
    },
  };
}

/** socket.io answers below its path alone; a request for the path itself it would leave hanging. */
function requireOurs({ url }: IncomingMessage): void {
  if (url?.startsWith(`${PATH}/`)) return;
  throw new AppError("NOT_FOUND", "not_found", `There is nothing at this address. Sockets are at ${PATH}/.`);
}

/** @returns an error whose `data` reaches the client with `connect_error`. */
function refusal(message: string): Error {
  return Object.assign(new Error(message), { data: { reason: "not_allowed", message } });
}

function relay(
  socket: Socket,
  upstream: WebSocket,
  opts: { size: { cols: number; rows: number }; backlog: Backlog; log: Logger },
): void {
  let delivered = 0;
  let acknowledged = 0;
  const pace = () => {
    if (upstream.readyState !== upstream.OPEN) return;
    const isBehind = delivered - acknowledged > MAX_UNACKED_BYTES || opts.backlog.bytes() > MAX_UNSENT_BYTES;
    if (isBehind) upstream.pause();
    else upstream.resume();
  };
  opts.backlog.onLess = pace;
  const commands = createCommands(upstream);
  const send = (command: unknown) => {
    const parsed = terminalCommand.safeParse(command);
    if (!parsed.success || commands.send(parsed.data)) return;
    socket.emit("state", { state: "closed", code: TOO_MUCH_INPUT });
    socket.disconnect(true);
    // Not closed politely: that would wait behind what it does not take.
    upstream.terminate();
  };
  send({ type: "resize", cols: opts.size.cols, rows: opts.size.rows });
  const onFrame = (raw: RawData, isBinary: boolean) => {
    const frame = Buffer.isBuffer(raw) ? raw : Array.isArray(raw) ? Buffer.concat(raw) : Buffer.from(raw);
    if (!isBinary) {
      forwardNotice(socket, frame);
      return;
    }
    const offset = Number(frame.readBigUInt64BE(0));
    const data = frame.subarray(OFFSET_BYTES);
    socket.emit("output", { offset, data });
    delivered = offset + data.length;
    if (acknowledged === 0) acknowledged = offset;
    pace();
  };
  upstream.on("message", (raw: RawData, isBinary: boolean) => {
    try {
      onFrame(raw, isBinary);
    } catch (err) {
      // A container that sends nonsense loses this connection; the server and the others go on.
      opts.log.warn({ err }, "a terminal's container broke the protocol");
      upstream.terminate();
    }
  });
  upstream.on("close", (code) => {
    socket.emit("state", { state: "closed", code });
    socket.disconnect(true);
  });
  upstream.on("error", (error) => opts.log.debug({ err: error }, "terminal connection broke off"));

  socket.on("input", (data: unknown) => send({ type: "input", data }));
  socket.on("resize", (size: unknown) =>
    send({ type: "resize", ...z.record(z.string(), z.unknown()).catch({}).parse(size) }),
  );
  socket.on("ack", (ack: unknown) => {
    const parsed = z.object({ offset: z.number().int().nonnegative() }).safeParse(ack);
    if (!parsed.success) return;
    acknowledged = Math.min(parsed.data.offset, delivered);
    pace();
    send({ type: "ack", offset: acknowledged });
  });
  socket.on("disconnect", () => {
    opts.backlog.onLess = null;
    upstream.close();
  });
}

function forwardNotice(socket: Socket, frame: Buffer): void {
  const notice = terminalNotice.safeParse(JSON.parse(frame.toString("utf8")));
  if (!notice.success) return;
  if (notice.data.type === "exit") socket.emit("exit", { code: notice.data.code });
  else
    socket.emit("state", {
      state: "attached",
      cols: notice.data.cols,
      rows: notice.data.rows,
      fromOffset: notice.data.fromOffset,
    });
}
