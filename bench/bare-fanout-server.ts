/**
 * A process of its own that sends what it was given to the sockets that watch, and does nothing else: the baseline of the
 * mirror. Its parent gives it the frames, `POST /<index>` sends one of them.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

const watching = new Set<WebSocket>();
let frames: readonly string[] = [];
process.on("message", (given: readonly string[]) => {
  frames = given;
  process.send?.("taken");
});
process.once("disconnect", () => process.exit());

const server = createServer((request, response) => {
  const frame = frames[Number(request.url?.slice(1))];
  if (frame !== undefined) for (const socket of watching) socket.send(frame);
  response.writeHead(frame === undefined ? 404 : 204).end();
});
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket, { url }) => {
  if (url === "/watching") watching.add(socket);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
