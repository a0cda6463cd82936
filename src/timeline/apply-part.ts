import { changePart, messageOf, PROMPT_TEXT_PREFIX, replaceMessage } from "./messages";
import type { EventOf, Timeline } from "./state";
import { newTool } from "./apply-tool";
import type { PartView } from "./view";

export function applyPart(
  timeline: Timeline,
  event: EventOf<"part.started" | "part.delta" | "part.ended">,
): Timeline {
  switch (event.type) {
    case "part.started":
      return changePart(withoutPromptText(timeline, event), event, (part) => startedPart(part, event));
    case "part.delta":
      return changePart(timeline, event, (part) => {
        const known = part ?? newPart(event.data.partId);
        return { ...known, text: known.text + event.data.text };
      });
    case "part.ended":
      return changePart(timeline, event, (part) => {
        const known = part ?? newPart(event.data.partId);
        return { ...known, state: "done", text: event.data.text ?? known.text, endedAt: event.at };
      });
  }
}

function startedPart(part: PartView | undefined, event: EventOf<"part.started">): PartView {
  const { partId, kind, text, tool, file, files } = event.data;
  return {
    ...(part ?? newPart(partId)),
    kind,
    state: "streaming",
    startedAt: event.at,
    text: text ?? part?.text ?? "",
    ...(kind === "tool" ? { tool: part?.tool ?? newTool(tool ?? "tool") } : {}),
    ...(file === undefined ? {} : { file }),
    ...(files === undefined ? {} : { files }),
  };
}

/** The prompt's text as the person sent it gives way to the same text in the agent's message. */
function withoutPromptText(timeline: Timeline, event: EventOf<"part.started">): Timeline {
  const message = messageOf(timeline, event.data.messageId);
  if (event.data.kind !== "text" || message?.kind !== "message" || message.promptId === undefined)
    return timeline;
  const stand = PROMPT_TEXT_PREFIX + message.promptId;
  if (!message.parts.some((part) => part.id === stand)) return timeline;
  // Renamed in place, so that files which came first do not change the order.
  const parts = message.parts.map((part) => (part.id === stand ? { ...part, id: event.data.partId } : part));
  return replaceMessage(timeline, message.id, { ...message, parts });
}

function newPart(partId: string): PartView {
  return { id: partId, kind: "text", text: "", state: "streaming" };
}
