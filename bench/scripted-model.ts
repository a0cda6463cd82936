/**
 * A model that writes when it is told to, and puts its clock into every delta: an OpenAI-compatible server on loopback.
 * The last line of a prompt says what to do, see {@link pacedPrompt} and {@link floodPrompt}; anything else is answered `ok`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { z } from "zod";

export const SCRIPTED_MODEL = "scripted-1";

export interface ScriptedModel {
  port: number;
  /** Ends with `/v1`, as providers' base URLs do. */
  baseUrl: string;
  close(): Promise<void>;
}

/** Deltas at an even pace. */
export function pacedPrompt(opts: { perSecond: number; count: number }): string {
  return `bench: ${opts.count} deltas, ${opts.perSecond} a second`;
}

/** Deltas as fast as the connection takes them. */
export function floodPrompt(count: number): string {
  return `bench: ${count} deltas, 0 a second`;
}

/** Milliseconds since 1970 with the fraction; one clock for all that this process writes and reads. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Takes the clock readings out of a text that comes in pieces, however they are cut or joined. */
export class ClockReader {
  #rest = "";

  /** @returns the readings that are whole with this piece */
  take(text: string): number[] {
    this.#rest += text;
    const readings = [...this.#rest.matchAll(/<(\d+\.\d{3})>/g)].map((match) => Number(match[1]));
    this.#rest = this.#rest.slice(this.#rest.lastIndexOf(">") + 1);
    return readings;
  }
}

/** The caller closes it. */
export async function startScriptedModel(): Promise<ScriptedModel> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const completionRequest = z.object({
  messages: z.array(
    z.object({
      role: z.string(),
      content: z.union([z.string(), z.array(z.object({ text: z.string().optional() }))]).nullish(),
    }),
  ),
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method === "GET" && request.url?.endsWith("/models") === true) {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "list", data: [{ id: SCRIPTED_MODEL, object: "model" }] }));
    return;
  }
  if (request.method !== "POST" || !request.url?.endsWith("/chat/completions")) {
    response.writeHead(404).end();
    return;
  }
  const { messages } = completionRequest.parse(JSON.parse(Buffer.concat(chunks).toString()));
  const content = messages.findLast((message) => message.role === "user")?.content ?? "";
  const asked = typeof content === "string" ? content : content.map((part) => part.text ?? "").join("\n");
  const order = /bench: (\d+) deltas, (\d+) a second/.exec(asked);
  // A delta leaves when it is written, not when the next one fills the packet.
  response.socket?.setNoDelay(true);
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  if (order) await writeDeltas(response, { count: Number(order[1]), perSecond: Number(order[2]) });
  else response.write(frame({ content: "ok" }));
  response.write(frame({}, "stop"));
  response.end("data: [DONE]\n\n");
}

async function writeDeltas(
  response: ServerResponse,
  opts: { count: number; perSecond: number },
): Promise<void> {
  const begun = performance.now();
  let lastUs = 0;
  for (let i = 0; i < opts.count && !response.destroyed; i++) {
    if (opts.perSecond > 0) await until(begun + (i * 1000) / opts.perSecond);
    // No two the same: a page is looked through for each.
    lastUs = Math.max(Math.round(clockMs() * 1000), lastUs + 1);
    const room = response.write(frame({ content: `<${(lastUs / 1000).toFixed(3)}> ` }));
    if (!room) await once(response, "drain");
  }
}

async function until(time: number): Promise<void> {
  const waitMs = time - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

function frame(delta: { content?: string }, finish: "stop" | null = null): string {
  const body = {
    id: "bench",
    object: "chat.completion.chunk",
    created: Math.floor(Date.now() / 1000),
    model: SCRIPTED_MODEL,
    choices: [{ index: 0, delta: { role: "assistant", ...delta }, finish_reason: finish }],
    ...(finish ? { usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 } } : {}),
  };
  return `data: ${JSON.stringify(body)}\n\n`;
}
