/** A chat client for tests of the demo model, which keeps the history as an agent does. */
import { z } from "zod";
import { createDemoModel } from "./demo-model";

const streamChunk = z.object({
  choices: z.array(
    z.object({
      delta: z.object({
        role: z.string().optional(),
        content: z.string().optional(),
        reasoning_content: z.string().optional(),
        tool_calls: z
          .array(
            z.object({
              index: z.literal(0),
              id: z.string().optional(),
              function: z.object({ name: z.string().optional(), arguments: z.string() }),
            }),
          )
          .optional(),
      }),
      finish_reason: z.string().nullable(),
    }),
  ),
  usage: z
    .object({ prompt_tokens: z.number(), completion_tokens: z.number(), total_tokens: z.number() })
    .optional(),
});

export interface Answer {
  readonly text: string;
  readonly reasoning: string;
  /** Deltas of text and reasoning. */
  readonly deltas: readonly string[];
  readonly tool: { id: string; name: string; input: unknown } | undefined;
  readonly finish: string | null | undefined;
  readonly usage: z.infer<typeof streamChunk>["usage"];
}

export function parseEventStream(body: string): Answer {
  const events = body.split("\n\n").filter((line) => line !== "");
  if (events.at(-1) !== "data: [DONE]")
    throw new Error(`The stream does not end with [DONE]: ${events.at(-1)}`);
  const chunks = events
    .slice(0, -1)
    .map((line) => streamChunk.parse(JSON.parse(line.slice("data: ".length))));
  const choices = chunks.flatMap((one) => one.choices);
  const deltas = choices.map((choice) => choice.delta);
  const calls = deltas.flatMap((delta) => delta.tool_calls ?? []);
  const start = calls.find((call) => call.id !== undefined);
  const texts = deltas.flatMap((delta) => delta.content ?? []);
  const reasonings = deltas.flatMap((delta) => delta.reasoning_content ?? []);
  return {
    text: texts.join(""),
    reasoning: reasonings.join(""),
    deltas: deltas.flatMap((delta) => delta.content ?? delta.reasoning_content ?? []),
    tool: start && {
      id: start.id ?? "",
      name: start.function.name ?? "",
      input: JSON.parse(calls.map((call) => call.function.arguments).join("")),
    },
    finish: choices.at(-1)?.finish_reason,
    usage: chunks.at(-1)?.usage,
  };
}

export type TestMessage = { role: string; content: unknown };

/** Names of tools that opencode 1.18.33 offers (`tools` of its requests). */
export const OPENCODE_TOOLS = "bash edit glob grep question read skill task todowrite webfetch write".split(
  " ",
);

const model = createDemoModel();

export async function post(body: object, signal?: AbortSignal): Promise<Response> {
  return model.request("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "demo-1", ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

export async function ask(
  messages: readonly TestMessage[],
  tools: readonly string[] = OPENCODE_TOOLS,
): Promise<Answer> {
  const response = await post({
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(tools.length === 0 ? {} : { tools: tools.map((name) => ({ type: "function", function: { name } })) }),
  });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return parseEventStream(await response.text());
}

/**
 * Goes on until a response without a tool call.
 * @param run gives each tool's result
 */
export async function runTurn(
  prompt: unknown,
  run: (tool: { name: string; input: unknown }) => string = () => "ok",
): Promise<Answer[]> {
  const messages: TestMessage[] = [
    { role: "system", content: "You are opencode." },
    { role: "user", content: prompt },
  ];
  const answers: Answer[] = [];
  for (;;) {
    const answer = await ask(messages);
    answers.push(answer);
    if (answer.tool === undefined) return answers;
    if (answers.length > 20) throw new Error("The turn does not end.");
    messages.push({ role: "assistant", content: answer.text }, { role: "tool", content: run(answer.tool) });
  }
}
