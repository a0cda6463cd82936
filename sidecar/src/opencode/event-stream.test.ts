import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EventStream } from "./event-stream";

let server: Server;
let baseUrl: string;
let response: ServerResponse;

beforeEach(async () => {
  server = createServer((_, answer) => {
    response = answer;
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write('data: {"payload":{"type":"server.connected","properties":{}}}\n\n');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server on a TCP port has such an address.
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it("goes on with the next event when one cannot be dealt with", async () => {
  const errors: string[] = [];
  const taken: string[] = [];
  let ended = () => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  await EventStream.connect({
    baseUrl,
    authorization: "Basic eDp5",
    onEvent: (event) => {
      if (event.type !== "session.idle") throw new RangeError("Invalid time value");
      taken.push(event.properties.sessionID);
    },
    onError: (error, event) => errors.push(`${event.type}: ${String(error)}`),
    onEnd: ended,
  });
  const bad = { type: "todo.updated", properties: { sessionID: "ses_1", todos: [] } };
  const good = { type: "session.idle", properties: { sessionID: "ses_1" } };
  for (const payload of [bad, good]) response.write(`data: ${JSON.stringify({ payload })}\n\n`);
  response.end();
  await end;
  expect(errors).toEqual(["todo.updated: RangeError: Invalid time value"]);
  expect(taken).toEqual(["ses_1"]);
});
