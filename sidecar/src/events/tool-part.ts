import type { EventDataOf, SidecarEventBody } from "../contract";
import type { AgentToolPart } from "../opencode/wire";
import { cutStrings, cutText, KEPT_TAIL_UNITS } from "./cut";
import type { PartPlace } from "./part-place";

/** A tool part: what was passed on of it. */
export interface ToolPartState {
  kind: "tool";
  callId: string;
  /** The tail of the output that was sent; enough of it to find the overlap with opencode's capped copy. */
  sentTail: string;
  inputSent: boolean;
  ended: boolean;
}

/** opencode keeps the last 30,000 characters of a running command's output, behind this mark (measured, 1.18.33). */
const TAIL_MARK = "...\n\n";
const MAX_OUTPUT_UNITS = 200 * 1024;
const MAX_INPUT_STRING_UNITS = 16 * 1024;
const MAX_DIFF_UNITS = 100 * 1024;

export function startTool(
  part: AgentToolPart,
  place: PartPlace,
): { state: ToolPartState; events: SidecarEventBody[] } {
  const state: ToolPartState = {
    kind: "tool",
    callId: part.callID,
    sentTail: "",
    inputSent: false,
    ended: false,
  };
  return { state, events: [{ type: "part.started", data: { ...place, kind: "tool", tool: part.tool } }] };
}

export function updateTool(state: ToolPartState, place: PartPlace, part: AgentToolPart): SidecarEventBody[] {
  if (state.ended || part.state.status === "pending") return [];
  const events: SidecarEventBody[] = [];
  const input = part.state.input ?? {};
  if (!state.inputSent && Object.keys(input).length > 0) {
    state.inputSent = true;
    const cut = Object.fromEntries(
      Object.entries(input).map(([key, value]) => [key, cutStrings(value, MAX_INPUT_STRING_UNITS)]),
    );
    events.push({ type: "tool.input", data: { ...place, tool: part.tool, input: cut } });
  }
  const suffix = newOutput(state, part);
  if (suffix) events.push({ type: "tool.output", data: { ...place, suffix } });
  if (part.state.status === "running") return events;
  state.ended = true;
  events.push({ type: "tool.ended", data: endOf(part, place) });
  return events;
}

function newOutput(state: ToolPartState, part: AgentToolPart): string {
  const running = part.state.metadata?.output;
  const whole = typeof running === "string" ? running : (part.state.output ?? "");
  const suffix = cutText(appended(state.sentTail, whole), MAX_OUTPUT_UNITS);
  if (suffix) state.sentTail = (state.sentTail + suffix).slice(-KEPT_TAIL_UNITS);
  return suffix;
}

/**
 * What `whole` adds to the output that ends with `sent`. When opencode dropped the beginning, everything after the longest overlap;
 * without any overlap the whole tail, behind a line that says that something is missing.
 */
export function appended(sent: string, whole: string): string {
  if (sent === "" || whole === "") return whole;
  if (whole.startsWith(sent)) return whole.slice(sent.length);
  const capped = whole.startsWith(TAIL_MARK);
  const tail = capped ? whole.slice(TAIL_MARK.length) : whole;
  const overlap = longestOverlap(sent, tail);
  if (overlap > 0) return tail.slice(overlap);
  return capped ? `\n… (output skipped)\n${tail}` : "";
}

/** Length of the longest end of `sent` that `tail` begins with. */
function longestOverlap(sent: string, tail: string): number {
  const probe = sent.slice(-64);
  for (let at = tail.lastIndexOf(probe); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf(probe, at - 1)) {
    const length = at + probe.length;
    if (length <= sent.length && sent.endsWith(tail.slice(0, length))) return length;
  }
  return 0;
}

function endOf(part: AgentToolPart, place: PartPlace): EventDataOf<"tool.ended"> {
  const { status, title, time, error, metadata } = part.state;
  const durationMs = time?.end === undefined ? 0 : Math.max(0, time.end - time.start);
  const exit = metadata?.exit;
  const diff = metadata?.diff;
  return {
    ...place,
    tool: part.tool,
    status: status === "completed" ? "completed" : "error",
    title: cutText(title || part.tool, 2000),
    durationMs,
    ...(typeof exit === "number" && Number.isInteger(exit) ? { exitCode: exit } : {}),
    ...(status === "error" ? { error: cutText(error ?? "The tool failed.", 16 * 1024) } : {}),
    ...(typeof diff === "string" && diff ? { diff: cutText(diff, MAX_DIFF_UNITS) } : {}),
  };
}
