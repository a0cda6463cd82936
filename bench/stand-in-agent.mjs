#!/usr/local/bin/node
/**
 * Takes opencode's place in the containers of sessions that only have to be busy: answers the calls that the sidecar makes of
 * opencode, and hands on what the model streams, delta by delta, at next to no cost. Without tools, keys or history on disk.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const port = Number(process.argv.find((arg) => arg.startsWith("--port="))?.slice("--port=".length));

/** @type {Set<import("node:http").ServerResponse>} */
const readers = new Set();
/** @type {{ info: Record<string, unknown>, parts: unknown[] }[]} */
const messages = [];
/** @type {{ sessionID: string, stop: AbortController } | null} */
let running = null;
let made = 0;

const newId = (/** @type {string} */ prefix) => `${prefix}_${String((made += 1)).padStart(12, "0")}`;

/** @param {string} type @param {Record<string, unknown>} properties */
function tell(type, properties) {
  const line = `data: ${JSON.stringify({ payload: { id: newId("evt"), type, properties } })}\n\n`;
  for (const reader of readers) reader.write(line);
}

/** @param {string} sessionID @param {{ model: { providerID: string, modelID: string }, parts: { text?: string }[] }} prompt */
async function turn(sessionID, { model, parts: asked }) {
  const stop = new AbortController();
  running = { sessionID, stop };
  const text = asked.map((part) => part.text ?? "").join("\n");
  const user = newId("msg");
  put({ id: user, sessionID, role: "user", time: { created: Date.now() }, model }, [
    { id: newId("prt"), messageID: user, sessionID, type: "text", text },
  ]);
  tell("session.status", { sessionID, status: { type: "busy" } });
  const info = { id: newId("msg"), sessionID, role: "assistant", parentID: user, ...model };
  const time = { created: Date.now() };
  const part = { id: newId("prt"), messageID: info.id, sessionID, type: "text", text: "" };
  const start = Date.now();
  put({ ...info, time }, [{ ...part, time: { start } }]);
  try {
    for await (const delta of deltas(model, text, stop.signal)) {
      part.text += delta;
      tell("message.part.delta", { sessionID, messageID: info.id, partID: part.id, field: "text", delta });
    }
  } catch (error) {
    tell("session.error", { sessionID, error: { name: "UnknownError", data: { message: String(error) } } });
  }
  messages.pop();
  put({ ...info, time: { ...time, completed: Date.now() } }, [{ ...part, time: { start, end: Date.now() } }]);
  running = null;
  tell("session.status", { sessionID, status: { type: "idle" } });
  tell("session.idle", { sessionID });
}

/** @param {Record<string, unknown>} info @param {unknown[]} parts */
function put(info, parts) {
  messages.push({ info, parts });
  tell("message.updated", { info });
  for (const part of parts) tell("message.part.updated", { part });
}

/**
 * @param {{ providerID: string, modelID: string }} model
 * @param {string} content
 * @param {AbortSignal} signal
 */
async function* deltas({ providerID, modelID }, content, signal) {
  const { provider } = JSON.parse(readFileSync(process.env.OPENCODE_CONFIG ?? "", "utf8"));
  const { baseURL, apiKey } = provider[providerID].options;
  const response = await fetch(`${baseURL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ model: modelID, stream: true, messages: [{ role: "user", content }] }),
    signal,
  });
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: {")) continue;
      const delta = JSON.parse(line.slice("data: ".length)).choices?.[0]?.delta?.content;
      if (delta) yield delta;
    }
  }
}

/** @param {import("node:http").IncomingMessage} request */
async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return text === "" ? {} : JSON.parse(text);
}

/** @type {Record<string, (sessionID: string, body: any) => unknown>} */
const CALLS = {
  "POST /api/session": (_, body) => ({ id: body.id }),
  "PATCH /session/:id": (id) => ({ id }),
  "GET /session/status": () => (running ? { [running.sessionID]: { type: "busy" } } : {}),
  "GET /session/:id/message": () => messages.slice(-2),
  "POST /session/:id/prompt_async": (id, body) => void turn(id, body),
  "POST /session/:id/abort": () => (running?.stop.abort(), true),
  "POST /instance/dispose": () => true,
  "GET /config/providers": () => ({ providers: [], default: {} }),
  "GET /permission": () => [],
  "GET /question": () => [],
};

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/global/event") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    readers.add(response.on("close", () => readers.delete(response)));
    return tell("server.connected", {});
  }
  const id = /^\/session\/(ses_[^/]+)/.exec(pathname)?.[1] ?? "";
  const call = CALLS[`${request.method} ${id === "" ? pathname : pathname.replace(id, ":id")}`];
  const answer = call?.(id, await bodyOf(request));
  response.writeHead(call ? (answer === undefined ? 204 : 200) : 404, { "content-type": "application/json" });
  response.end(answer === undefined ? undefined : JSON.stringify(answer));
});
server.listen(port, "127.0.0.1", () =>
  process.stdout.write(`opencode server listening on http://127.0.0.1:${port}\n`),
);
setInterval(() => tell("server.heartbeat", {}), 10_000);
