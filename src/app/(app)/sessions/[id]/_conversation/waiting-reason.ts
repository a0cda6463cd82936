import type { Timeline } from "../../../../../timeline/timeline";

/** Why the prompt at `place` in the queue has not begun. */
export function waitingReason(timeline: Pick<Timeline, "status" | "currentTurnId">, place: number): string {
  const { status, currentTurnId } = timeline;
  if (status?.status === "creating") return "it is sent when the session is ready";
  if (status?.status === "stopped") return "it is sent when the session is resumed";
  if (status?.status === "error") return "it is sent when the session runs again";
  if (place > 0) return place === 1 ? "after the prompt before it" : `after the ${place} prompts before it`;
  if (currentTurnId !== null) return "after what the agent does now";
  if (status?.agentState !== "awake") return "the agent is waking up";
  return "it is about to begin";
}
