import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { createCommands } from "./commands";

const PIECE = { type: "input", data: "x".repeat(60 * 1024) };
const MAX_BYTES = 1024 * 1024;

/** How many go before one is refused. */
function sendUntilRefused(send: (command: unknown) => boolean): number {
  let sent = 0;
  while (send(PIECE)) if ((sent += 1) > 1000) throw new Error("All of it was taken.");
  return sent;
}

describe("a viewer's commands", () => {
  const upstreams: WebSocket[] = [];
  afterEach(() => {
    for (const upstream of upstreams.splice(0)) upstream.terminate();
  });
  function dial(url: string): WebSocket {
    const upstream = new WebSocket(url);
    upstream.on("error", () => undefined);
    upstreams.push(upstream);
    return upstream;
  }

  describe("while the container does not answer", () => {
    let silent: Server;
    const held: Socket[] = [];
    beforeEach(async () => {
      silent = createServer((socket) => held.push(socket.on("error", () => undefined)));
      await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    });
    afterEach(async () => {
      for (const socket of held.splice(0)) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });

    it("are kept up to a mebibyte, and then refused", () => {
      const address = silent.address();
      const port = typeof address === "object" ? address?.port : 0;
      const commands = createCommands(dial(`ws://127.0.0.1:${port}`));
      const sent = sendUntilRefused(commands.send);
      expect(sent * PIECE.data.length).toBeLessThan(MAX_BYTES);
      expect((sent + 1) * PIECE.data.length).toBeGreaterThan(MAX_BYTES - PIECE.data.length);
      expect(commands.send(PIECE)).toBe(false);
    });
  });

  describe("while the container is in reach", () => {
    let container: WebSocketServer;
    let got: string[];
    let program: Promise<WebSocket>;
    beforeEach(async () => {
      got = [];
      container = new WebSocketServer({ host: "127.0.0.1", port: 0 });
      await new Promise((resolve) => container.once("listening", resolve));
      program = new Promise((resolve) => container.once("connection", resolve));
      void program.then((socket) => socket.on("message", (frame: Buffer) => got.push(frame.toString())));
    });
    afterEach(async () => {
      for (const socket of container.clients) socket.terminate();
      await new Promise((resolve) => container.close(resolve));
    });
    const open = () => {
      const address = container.address();
      return dial(`ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
    };

    it("arrive in order, those from before the way was open first", async () => {
      const upstream = open();
      const commands = createCommands(upstream);
      expect(commands.send({ n: 1 })).toBe(true);
      expect(commands.send({ n: 2 })).toBe(true);
      await new Promise((resolve) => upstream.once("open", resolve));
      expect(commands.send({ n: 3 })).toBe(true);
      await expect.poll(() => got).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
    });

    it("are refused when it stands still, and go on when it takes what it was sent", async () => {
      const upstream = open();
      const commands = createCommands(upstream);
      await new Promise((resolve) => upstream.once("open", resolve));
      const peer = await program;
      peer.pause();
      const sent = sendUntilRefused(commands.send);
      expect(upstream.bufferedAmount).toBeLessThanOrEqual(MAX_BYTES);
      peer.resume();
      await expect.poll(() => got.length).toBe(sent);
      await expect.poll(() => upstream.bufferedAmount).toBe(0);
      expect(commands.send(PIECE)).toBe(true);
    });
  });
});
