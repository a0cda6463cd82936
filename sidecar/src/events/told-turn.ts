import type { EventDataOf, PartKind, SidecarEventBody } from "../contract";
import { MAX_DELTA_UNITS } from "./coalescer";
import type { PartPlace } from "./part-place";
import { KEPT_TAIL_UNITS } from "./cut";

export interface ToldMessage {
  data: EventDataOf<"message.started">;
  ended: boolean;
}

export interface ToldPart {
  place: PartPlace;
  kind: PartKind;
  /** The tool's name; null for parts that are not tools. */
  tool: string | null;
  /** Of a part that is open: its text or its tool's output, of a long one the end. */
  text: string;
  hasInput: boolean;
  startedAtMs: number;
  ended: boolean;
}

export interface ToldChild {
  data: EventDataOf<"child.started">;
  ended: boolean;
}

/** What readers know of a turn that is open: with it a new process goes on where an older one ended, and tells nothing twice. */
export interface ToldTurn {
  turnId: string;
  promptId: string;
  startedAtMs: number;
  messages: readonly ToldMessage[];
  parts: readonly ToldPart[];
  children: readonly ToldChild[];
}

export function startedPart(data: EventDataOf<"part.started">, startedAtMs: number): ToldPart {
  const { messageId, partId, childId, kind, text = "" } = data;
  const tool = kind === "tool" ? (data.tool ?? "tool") : null;
  const place = { messageId, partId, ...(childId ? { childId } : {}) };
  return { place, kind, tool, text, hasInput: false, startedAtMs, ended: false };
}

export function addText(part: ToldPart, text: string): void {
  part.text += text;
  // Not with each piece: cutting copies what is left.
  if (part.text.length > 2 * KEPT_TAIL_UNITS) part.text = part.text.slice(-KEPT_TAIL_UNITS);
}

export function endPart(part: ToldPart): void {
  part.ended = true;
  part.text = "";
}

/** The events that make it known to a reader who knows nothing. */
export function openersOfPart({ place, kind, tool, text, hasInput, ended }: ToldPart): SidecarEventBody[] {
  const named = tool === null ? {} : { tool };
  const events: SidecarEventBody[] = [{ type: "part.started", data: { ...place, kind, ...named } }];
  if (tool !== null && hasInput) events.push({ type: "tool.input", data: { ...place, tool, input: {} } });
  for (let from = 0; from < text.length; from += MAX_DELTA_UNITS) {
    const piece = text.slice(from, from + MAX_DELTA_UNITS);
    if (tool === null) events.push({ type: "part.delta", data: { ...place, text: piece } });
    else events.push({ type: "tool.output", data: { ...place, suffix: piece } });
  }
  if (ended) events.push({ type: "part.ended", data: place });
  return events;
}
