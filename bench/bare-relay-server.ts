/** A process of its own that passes what comes over `/from/<n>` on to whoever listens at `/to/<n>`, and does nothing else. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

const listeners = new Map<string, WebSocket>();
process.once("disconnect", () => process.exit());

const server = createServer();
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket, { url = "" }) => {
  const [, side, name = ""] = url.split("/");
  if (side === "to") listeners.set(name, socket);
  else socket.on("message", (data: Buffer) => listeners.get(name)?.send(data, { binary: false }));
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
