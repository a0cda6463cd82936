import type { Timeline } from "../../../../../timeline/timeline";

const WORDS = 30;

/**
 * What a screen reader says of a change: that the agent began, that it needs an answer, what it said in the end. Not each
 * word as it comes.
 */
export function announcement(timeline: Timeline): string {
  const [open] = timeline.openRequestIds;
  const request = open === undefined ? undefined : timeline.requests.get(open);
  if (request !== undefined) {
    return request.kind === "question"
      ? "The agent asks a question."
      : `Permission required: ${request.title}`;
  }
  if (timeline.retry !== null) return "The model did not answer; the agent tries again.";
  if (timeline.currentTurnId !== null) return "The agent is working.";
  return lastWords(timeline);
}

function lastWords(timeline: Timeline): string {
  const last = timeline.messages.at(timeline.messages.length - 1);
  if (last === undefined || last.role !== "assistant" || last.turnId === undefined) return "";
  const outcome = timeline.turns.get(last.turnId)?.outcome;
  if (outcome === undefined || outcome === null) return "";
  if (outcome === "error") return "The turn failed.";
  if (outcome !== "done") return "The turn was stopped.";
  const text = last.parts.findLast((part) => part.kind === "text")?.text ?? "";
  const words = text.split(/\s+/).filter((word) => word !== "");
  return `The agent is done. ${words.slice(0, WORDS).join(" ")}${words.length > WORDS ? " …" : ""}`.trim();
}
