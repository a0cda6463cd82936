/** A viewer over a real WebSocket on loopback, for tests of terminals. */
import http from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { terminalNotice, type TerminalCommand, type TerminalNotice } from "../protocol";
import type { Terminals } from "./terminals";

export class TestViewer {
  readonly notices: TerminalNotice[] = [];
  /** Offset after the last byte received. */
  end = 0;
  /** Offset of the first byte received. */
  from: number | undefined;
  closed: { code: number; reason: string } | undefined;
  readonly #socket: WebSocket;
  readonly #acks: boolean;
  #received: Buffer[] = [];

  constructor(socket: WebSocket, acks: boolean) {
    this.#socket = socket;
    this.#acks = acks;
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.#take(data);
      else this.notices.push(terminalNotice.parse(JSON.parse(data.toString())));
    });
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  /** Everything received, in order. */
  get text(): string {
    const whole = Buffer.concat(this.#received);
    this.#received = [whole];
    return whole.toString();
  }

  /** The end of what was received, about a KiB: to be asked for again and again while megabytes come in. */
  get tail(): string {
    const last: Buffer[] = [];
    for (let size = 0, at = this.#received.length - 1; size < 1024 && at >= 0; at -= 1) {
      const chunk = this.#received[at]?.subarray(-1024) ?? Buffer.alloc(0);
      size += chunk.length;
      last.unshift(chunk);
    }
    return Buffer.concat(last).toString();
  }

  send(command: TerminalCommand): void {
    this.#socket.send(JSON.stringify(command));
  }

  sendRaw(data: string | Buffer): void {
    this.#socket.send(data);
  }

  type(data: string): void {
    this.send({ type: "input", data });
  }

  /** Stops taking anything off the wire. */
  freeze(): void {
    this.#socket.pause();
  }

  drop(): void {
    this.#socket.terminate();
  }

  #take(frame: Buffer): void {
    const offset = Number(frame.readBigUInt64BE());
    if (this.from === undefined) {
      this.from = offset;
      this.end = offset;
    }
    if (offset !== this.end) throw new Error(`A frame at ${offset} came where ${this.end} was due.`);
    this.#received.push(frame.subarray(8));
    this.end += frame.length - 8;
    if (this.#acks) this.send({ type: "ack", offset: this.end });
  }
}

export interface ViewerGate {
  /** `acks`: acknowledges all output at once, as a fast client does; default true. */
  view(terminalId: string, options?: { afterByte?: number; acks?: boolean }): Promise<TestViewer>;
  close(): Promise<void>;
}

/** A loopback server that attaches every connection. The test closes it. */
export async function openViewerGate(terminals: Terminals): Promise<ViewerGate> {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const attached = terminals.attach(
      url.pathname.slice(1),
      socket,
      Number(url.searchParams.get("afterByte")),
    );
    if (!attached) socket.close(4404, "no such terminal");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has a TCP address.");
  return {
    view: (terminalId, { afterByte = 0, acks = true } = {}) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${address.port}/${terminalId}?afterByte=${afterByte}`);
        const viewer = new TestViewer(socket, acks);
        socket.on("open", () => resolve(viewer));
        socket.on("error", reject);
      }),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        server.close(() => resolve());
      }),
  };
}
