import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { inRequest } from "../request-scope";
import { AgentClient } from "./client";

let server: Server;
let client: AgentClient;
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

async function opencode(answer: RequestListener): Promise<void> {
  server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  client = new AgentClient({ port, password: "p", sessionId: "ses_1", directory: "/" });
}

const prompt = () =>
  client.prompt({
    text: "hi",
    model: { providerId: "demo", modelId: "demo-1" },
    agent: "build",
    attachments: [],
  });

describe("a call of opencode", () => {
  it("carries the id of the request that led to it, and of none when none did", async () => {
    const ids: unknown[] = [];
    await opencode((request, response) => {
      ids.push(request.headers["x-request-id"]);
      response.writeHead(204).end();
    });
    await inRequest("rq_0123456789abcdef", prompt);
    await prompt();
    expect(ids).toEqual(["rq_0123456789abcdef", undefined]);
  });

  it("that is refused with an answer has failed", async () => {
    await opencode((_request, response) => void response.writeHead(400).end('{"name":"BadRequest"}'));
    await expect(prompt()).rejects.toMatchObject({ code: "agent_failed" });
    await expect(client.reply("per_1", { reply: "once" })).rejects.toMatchObject({ code: "agent_failed" });
  });

  it("whose connection breaks before the answer got none, which is another thing than a refusal", async () => {
    await opencode((request) => request.socket.destroy());
    await expect(prompt()).rejects.toMatchObject({ code: "agent_silent" });
    await expect(client.reply("per_1", { reply: "once" })).rejects.toMatchObject({ code: "agent_silent" });
  });
});
