import type { Socket } from "socket.io";

/** engine.io's side of a viewer, whatever its transport. */
type Connection = Socket["conn"];

interface Packet {
  data?: unknown;
}

/** What a viewer may leave unread before it is cut off, whoever it is: security.md, R13. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/** What a packet weighs beside its data, at least; a program that writes single bytes makes many. */
const PACKET_BYTES = 256;

/** What was said to a viewer and has not left this process. */
export interface Backlog {
  bytes(): number;
  /** Called whenever it got less. */
  onLess: (() => void) | null;
}

/**
 * Counts for the connection's life, by what engine.io tells of its packets, and cuts it off above {@link MAX_BACKLOG_BYTES}:
 * a viewer's own word for what it has taken counts for nothing here.
 */
export function watchBacklog(connection: Connection): Backlog {
  let waiting = 0;
  let onItsWay = 0;
  const backlog: Backlog = { bytes: () => waiting + onItsWay, onLess: null };
  connection.on("packetCreate", (packet: Packet) => {
    waiting += bytesOf(packet);
    if (backlog.bytes() > MAX_BACKLOG_BYTES) cutOff(connection);
  });
  // All that waits is handed to the transport at once, which takes nothing more until this has gone.
  connection.on("flush", (packets: Packet[]) => {
    const bytes = packets.reduce((sum, packet) => sum + bytesOf(packet), 0);
    waiting = 0;
    onItsWay += bytes;
    untilGone(connection.transport, () => {
      onItsWay -= bytes;
      backlog.onLess?.();
    });
  });
  return backlog;
}

function bytesOf({ data }: Packet): number {
  if (typeof data === "string") return PACKET_BYTES + Buffer.byteLength(data);
  return PACKET_BYTES + (ArrayBuffer.isView(data) ? data.byteLength : 0);
}

/** A WebSocket tells when the kernel has it all. Polling tells when the answer is written, which may wait here for long. */
function untilGone(transport: Connection["transport"], gone: () => void): void {
  const answer = "res" in transport ? transport.res : null;
  if (isEmitter(answer)) answer.once("close", gone);
  else transport.once("drain", gone);
}

/** A polite close would wait behind everything that is not read. */
function cutOff(connection: Connection): void {
  const { transport } = connection;
  connection.close(true);
  const webSocket = "socket" in transport ? transport.socket : null;
  if (canTerminate(webSocket)) webSocket.terminate();
}

// engine.io's types keep a transport's own socket and answer private.

function isEmitter(value: unknown): value is NodeJS.EventEmitter {
  return typeof value === "object" && value !== null && "once" in value;
}

function canTerminate(value: unknown): value is { terminate(): void } {
  return typeof value === "object" && value !== null && "terminate" in value;
}
