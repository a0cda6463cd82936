import type { SidecarEventBody } from "../contract";
import type { AgentTextPart } from "../opencode/wire";
import { MAX_DELTA_UNITS } from "./coalescer";
import { headOf, KEPT_TAIL_UNITS } from "./cut";
import type { PartPlace } from "./part-place";

/** A text or reasoning part: what was passed on of it. */
export interface TextPartState {
  kind: "text" | "reasoning";
  sent: string;
  ended: boolean;
}

export function startText(
  part: AgentTextPart,
  place: PartPlace,
): { state: TextPartState; events: SidecarEventBody[] } {
  const head = headOf(part.text, MAX_DELTA_UNITS);
  const state: TextPartState = { kind: part.type, sent: part.text, ended: false };
  const started = { ...place, kind: part.type, ...(head ? { text: head } : {}) };
  const events: SidecarEventBody[] = [{ type: "part.started", data: started }];
  const rest = part.text.slice(head.length);
  if (rest) events.push({ type: "part.delta", data: { ...place, text: rest } });
  return { state, events };
}

export function deltaText(state: TextPartState, place: PartPlace, delta: string): SidecarEventBody[] {
  if (state.ended || !delta) return [];
  state.sent += delta;
  return [{ type: "part.delta", data: { ...place, text: delta } }];
}

/** A whole text from opencode: the part of it that is new, and the end when it has come. */
export function updateText(
  state: TextPartState,
  place: PartPlace,
  whole: { text: string; ended: boolean },
): SidecarEventBody[] {
  const events: SidecarEventBody[] = [];
  state.sent = fromTheStart(state.sent, whole.text);
  const extends_ = whole.text.startsWith(state.sent);
  if (!state.ended && extends_) events.push(...deltaText(state, place, whole.text.slice(state.sent.length)));
  // Ends of lines are trimmed by opencode at the end; that is no reason to send a long text twice.
  const differs = whole.text.trimEnd() !== state.sent.trimEnd();
  if (whole.ended && (!state.ended || differs)) {
    events.push({ type: "part.ended", data: { ...place, ...(differs ? { text: whole.text } : {}) } });
    state.sent = whole.text;
    state.ended = true;
  }
  return events;
}

/** `sent` with what stands before it in `whole`, when it is only the end of a long text: more is not kept over a restart. */
function fromTheStart(sent: string, whole: string): string {
  if (sent.length < KEPT_TAIL_UNITS || whole.startsWith(sent)) return sent;
  const at = whole.lastIndexOf(sent);
  return at < 0 ? sent : whole.slice(0, at + sent.length);
}

/** Ends a part whose rest will never come, as when the provider cut the stream and the call is tried again. */
export function abandonText(state: TextPartState, place: PartPlace): SidecarEventBody[] {
  if (state.ended) return [];
  state.ended = true;
  return [{ type: "part.ended", data: place }];
}
