import type { PartPlace } from "./part-place";
import type { TextPartState } from "./text-part";
import type { ToldPart } from "./told-turn";
import type { ToolPartState } from "./tool-part";

/** A part of opencode's: what was passed on of it. */
export type PartState = { place: PartPlace; sessionId: string } & (
  TextPartState | ToolPartState | { kind: "whole"; ended: boolean }
);

/** Of a part that another process told of. One that has ended is never told of again, so nothing of it is compared. */
export function stateOfTold({ place, kind, text, hasInput, ended }: ToldPart, sessionId: string): PartState {
  const where = { place, sessionId };
  if (ended) return { ...where, kind: "whole", ended };
  if (kind === "text" || kind === "reasoning") return { ...where, kind, sent: text, ended };
  if (kind === "tool") return { ...where, kind, callId: "", sentTail: text, inputSent: hasInput, ended };
  return { ...where, kind: "whole", ended };
}
