/** What the demo model reads of an OpenAI chat completion request, and what it finds in it. */
import { z } from "zod";

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const content = z.union([
  z.string(),
  z.array(z.union([textPart, z.looseObject({ type: z.string() })])),
  z.null(),
]);

export const chatRequest = z.object({
  model: z.string(),
  messages: z.array(z.object({ role: z.string(), content: content.optional() })).max(100_000),
  stream: z.boolean().optional(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  tools: z.array(z.object({ function: z.object({ name: z.string() }) })).optional(),
});
export type ChatRequest = z.infer<typeof chatRequest>;
type Message = ChatRequest["messages"][number];

/** A request as the demo model sees it; everything it does follows from this alone. */
export interface Turn {
  /** What the agent is doing: working for the person, or naming or summing up a conversation on the side. */
  readonly purpose: "work" | "title" | "summary";
  /** The person's last words, without what the agent wraps around them. */
  readonly prompt: string;
  /** Results of the tools called since then, oldest first. */
  readonly toolResults: readonly string[];
  readonly offeredTools: ReadonlySet<string>;
}

export function readTurn(request: ChatRequest): Turn {
  const { messages } = request;
  const lastUser = messages.findLastIndex((message) => message.role === "user" && !isInjected(message));
  const user = messages[lastUser];
  return {
    purpose: purposeOf(request),
    prompt: user === undefined ? "" : promptOf(user),
    toolResults: messages
      .slice(lastUser + 1)
      .filter((message) => message.role === "tool")
      .map((message) => textsOf(message).join("\n")),
    offeredTools: new Set(request.tools?.map((tool) => tool.function.name)),
  };
}

/** opencode 1.18.33 gives its titles and summaries to models by system prompts of their own and without tools. */
function purposeOf(request: ChatRequest): Turn["purpose"] {
  if (request.tools !== undefined && request.tools.length > 0) return "work";
  const system = request.messages
    .filter((message) => message.role === "system")
    .flatMap(textsOf)
    .join("\n");
  if (/title generator/i.test(system)) return "title";
  return /summari[sz]/i.test(system) ? "summary" : "work";
}

/** Images that a tool gave come back as a user message, because tool results hold text only. */
function isInjected(message: Message): boolean {
  return textsOf(message).some((text) => text.startsWith("Attached media from tool result"));
}

/** The part that is a script, where there is one; else all text. */
function promptOf(message: Message): string {
  const texts = textsOf(message).map(unwrap);
  return texts.find((text) => text.startsWith("#script")) ?? texts.filter((text) => text !== "").join("\n");
}

/** opencode adds reminders for the model to what the person wrote. */
function unwrap(text: string): string {
  return text.replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, "").trim();
}

function textsOf(message: Message): string[] {
  if (typeof message.content === "string") return [message.content];
  return (message.content ?? []).flatMap((part) => {
    const text = textPart.safeParse(part);
    return text.success ? [text.data.text] : [];
  });
}
