import { createServer, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

const step = z.union([
  z.object({ say: z.string(), everyMs: z.number().optional() }),
  z.object({ think: z.string() }),
  z.object({ tool: z.string(), args: z.record(z.string(), z.unknown()) }),
  z.object({ status: z.number() }),
  z.object({ hang: z.literal(true) }),
]);
/** What the model does: one list of steps a call, calls counted from the last prompt. */
export type Script = z.infer<typeof step>[][];

const chat = z.object({
  model: z.string(),
  messages: z.array(
    z.object({
      role: z.string(),
      content: z.union([z.string(), z.array(z.object({ text: z.string().optional() })), z.null()]).optional(),
    }),
  ),
});

export interface ScriptedModel {
  port: number;
  /** Bodies of the calls that came. */
  calls: { authorization: string; model: string }[];
  close(): Promise<void>;
}

/** An OpenAI-compatible model on loopback that runs the script in the last prompt; any other prompt gets one word. */
export async function startScriptedModel(): Promise<ScriptedModel> {
  const calls: ScriptedModel["calls"] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const input = chat.parse(JSON.parse(body));
      calls.push({ authorization: request.headers.authorization ?? "", model: input.model });
      void answer(response, stepsFor(input), input.model);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function stepsFor(input: z.infer<typeof chat>): Script[number] {
  const last = input.messages.findLastIndex((message) => message.role === "user");
  const content = input.messages[last]?.content;
  const text =
    typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("");
  const round = input.messages.slice(last).filter((message) => message.role === "assistant").length;
  if (!text.startsWith("[")) return [{ say: "plain" }];
  return z.array(z.array(step)).parse(JSON.parse(text))[round] ?? [{ say: "done" }];
}

async function answer(response: ServerResponse, steps: Script[number], model: string): Promise<void> {
  const first = steps[0];
  if (first && "status" in first) {
    response.writeHead(first.status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: "scripted failure" } }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (choice: unknown, usage?: unknown) =>
    response.write(
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model, choices: choice ? [choice] : [], usage })}\n\n`,
    );
  const delta = (value: unknown) => send({ index: 0, delta: value, finish_reason: null });
  let finish = "stop";
  for (const [index, at] of steps.entries()) {
    if ("hang" in at) return;
    if ("think" in at) delta({ reasoning_content: at.think });
    if ("say" in at) {
      for (const word of at.say.split(/(?<= )/)) {
        delta({ content: word });
        if (at.everyMs) await delay(at.everyMs);
      }
    }
    if ("tool" in at) {
      finish = "tool_calls";
      const call = { name: at.tool, arguments: JSON.stringify(at.args) };
      delta({
        tool_calls: [
          {
            index: 0,
            id: `call_${index}_${Math.random().toString(36).slice(2)}`,
            type: "function",
            function: call,
          },
        ],
      });
    }
  }
  send({ index: 0, delta: {}, finish_reason: finish });
  send(null, { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 });
  response.end("data: [DONE]\n\n");
}
