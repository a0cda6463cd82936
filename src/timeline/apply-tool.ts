import { changePart } from "./messages";
import type { EventOf, Timeline } from "./state";
import type { PartView, ToolView } from "./view";

export function applyTool(
  timeline: Timeline,
  event: EventOf<"tool.input" | "tool.output" | "tool.ended">,
): Timeline {
  return changePart(timeline, event, (part) => {
    const name = event.type === "tool.output" ? "tool" : event.data.tool;
    const known: PartView = part ?? { id: event.data.partId, kind: "tool", text: "", state: "streaming" };
    const tool = toolAfter(known.tool ?? newTool(name), event);
    return { ...known, kind: "tool", tool, state: event.type === "tool.ended" ? "done" : known.state };
  });
}

function toolAfter(tool: ToolView, event: EventOf<"tool.input" | "tool.output" | "tool.ended">): ToolView {
  switch (event.type) {
    case "tool.input":
      return { ...tool, name: event.data.tool, input: event.data.input, status: "running" };
    case "tool.output":
      return { ...tool, output: tool.output + event.data.suffix, status: "running" };
    case "tool.ended": {
      const { tool: name, status, title, durationMs, exitCode, diff, error } = event.data;
      return {
        ...tool,
        name,
        status,
        title,
        durationMs,
        exitCode: exitCode ?? null,
        diff: diff ?? null,
        error: error ?? null,
      };
    }
  }
}

export function newTool(name: string): ToolView {
  return {
    name,
    input: {},
    output: "",
    status: "pending",
    title: null,
    durationMs: null,
    exitCode: null,
    diff: null,
    error: null,
  };
}
