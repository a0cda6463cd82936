/** Deltas in the two shapes of OpenAI's chat completions: an event stream, or one JSON object. */
import type { Delta } from "./play";

export interface CompletionHead {
  readonly id: string;
  readonly model: string;
  /** Unix time, seconds. */
  readonly created: number;
  /** Approximate: four characters a token. */
  readonly promptTokens: number;
}

/** Counts what one response has given; a delta is about a token. */
export class Tally {
  #output = 0;
  #reasoning = 0;
  #calledTool = false;

  add(delta: Delta): void {
    this.#output += 1;
    if (delta.kind === "reasoning") this.#reasoning += 1;
    if (delta.kind === "toolStart") this.#calledTool = true;
  }

  get finishReason(): "tool_calls" | "stop" {
    return this.#calledTool ? "tool_calls" : "stop";
  }

  usage({ promptTokens }: CompletionHead) {
    return {
      prompt_tokens: promptTokens,
      completion_tokens: this.#output,
      total_tokens: promptTokens + this.#output,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: this.#reasoning },
    };
  }
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;

const chunk = ({ id, model, created }: CompletionHead, fields: object) =>
  event({ id, object: "chat.completion.chunk", created, model, ...fields });

const choice = (delta: object, finishReason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason: finishReason }],
});

export function openingChunk(head: CompletionHead): string {
  return chunk(head, choice({ role: "assistant" }));
}

export function deltaChunk(head: CompletionHead, delta: Delta): string {
  switch (delta.kind) {
    case "text":
      return chunk(head, choice({ content: delta.text }));
    case "reasoning":
      return chunk(head, choice({ reasoning_content: delta.text }));
    case "toolStart": {
      const call = {
        index: 0,
        id: delta.callId,
        type: "function",
        function: { name: delta.name, arguments: "" },
      };
      return chunk(head, choice({ tool_calls: [call] }));
    }
    case "toolInput":
      return chunk(head, choice({ tool_calls: [{ index: 0, function: { arguments: delta.text } }] }));
  }
}

export function closingChunks(head: CompletionHead, tally: Tally, includeUsage: boolean): string {
  const usage = includeUsage ? chunk(head, { choices: [], usage: tally.usage(head) }) : "";
  return `${chunk(head, choice({}, tally.finishReason))}${usage}data: [DONE]\n\n`;
}

/** A failure after the first delta: the status is out, so the stream says it, as OpenAI's does. */
export function errorChunk(error: object): string {
  return event({ error });
}

export function wholeCompletion(head: CompletionHead, deltas: readonly Delta[]): object {
  const tally = new Tally();
  for (const delta of deltas) tally.add(delta);
  const join = (kind: Delta["kind"]) =>
    deltas.map((delta) => (delta.kind === kind && "text" in delta ? delta.text : "")).join("");
  const calls = deltas.flatMap((delta) =>
    delta.kind === "toolStart"
      ? [{ id: delta.callId, type: "function", function: { name: delta.name, arguments: join("toolInput") } }]
      : [],
  );
  const message = {
    role: "assistant",
    content: join("text") || null,
    ...(join("reasoning") === "" ? {} : { reasoning_content: join("reasoning") }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: [{ index: 0, message, finish_reason: tally.finishReason }],
    usage: tally.usage(head),
  };
}
