import type { ToolView } from "../../../../../timeline/view";
import { isObject } from "../../../../_client/parse-json";
import { workspacePath } from "./short-path";
import { linesOf, parseDiff, replacementDiff, type FileDiff } from "./unified-diff";

export type ToolLook =
  "shell" | "read" | "write" | "edit" | "search" | "list" | "web" | "todos" | "agent" | "question" | "other";

/** One line that says what a tool did. */
export interface ToolSummary {
  look: ToolLook;
  verb: string;
  object: string;
  /** The object is a path: shortened in the middle, not at the end. */
  isPath: boolean;
  /** What came of it, as "3 matches"; null when there is nothing to say. */
  result: string | null;
  /** Lines added and removed. */
  changed: { additions: number; deletions: number } | null;
}

type Describe = (tool: ToolView) => Partial<ToolSummary>;

const CUT = /… \(\d+ more characters are not shown\)$/;

const DESCRIBED: Readonly<Record<string, Describe>> = {
  bash: (tool) => ({ look: "shell", verb: "Run", object: input(tool, "command"), result: exit(tool) }),
  read: (tool) => ({ look: "read", verb: "Read", ...path(tool), result: readRange(tool) }),
  write: (tool) => ({ look: "write", verb: "Write", ...path(tool), changed: changedIn(diffsOf(tool)) }),
  edit: (tool) => ({ look: "edit", verb: "Edit", ...path(tool), changed: changedIn(diffsOf(tool)) }),
  multiedit: (tool) => ({ look: "edit", verb: "Edit", ...path(tool), changed: changedIn(diffsOf(tool)) }),
  patch: patched,
  apply_patch: patched,
  glob: (tool) => ({ look: "search", verb: "Find", object: within(tool), result: found(tool, "file") }),
  grep: (tool) => ({ look: "search", verb: "Search", object: within(tool), result: found(tool, "match") }),
  list: (tool) => ({
    look: "list",
    verb: "List",
    object: workspacePath(input(tool, "path") || "."),
    isPath: true,
  }),
  webfetch: (tool) => ({ look: "web", verb: "Fetch", object: input(tool, "url") }),
  websearch: (tool) => ({ look: "web", verb: "Search the web", object: input(tool, "query") }),
  codesearch: (tool) => ({ look: "web", verb: "Search code", object: input(tool, "query") }),
  todowrite: (tool) => ({ look: "todos", verb: "Plan", object: "", result: todoCount(tool) }),
  todoread: () => ({ look: "todos", verb: "Look at the plan", object: "" }),
  task: (tool) => ({ look: "agent", verb: "Sub-agent", object: input(tool, "description") }),
  question: () => ({ look: "question", verb: "Ask", object: "" }),
  skill: (tool) => ({ look: "read", verb: "Use skill", object: input(tool, "name") }),
  invalid: (tool) => ({
    verb: "Call",
    object: input(tool, "tool"),
    result: "no such tool, or arguments that do not fit",
  }),
};

export function summaryOf(tool: ToolView): ToolSummary {
  const known = Object.hasOwn(DESCRIBED, tool.name) ? DESCRIBED[tool.name] : undefined;
  const plain = {
    look: "other",
    verb: tool.name,
    object: "",
    isPath: false,
    result: null,
    changed: null,
  } as const;
  const said = known?.(tool) ?? { object: firstText(tool.input) };
  const summary = { ...plain, ...said };
  return summary.object === "" && known !== undefined && summary.look !== "todos"
    ? { ...summary, object: titleOf(tool) }
    : summary;
}

/** What a tool changed in files: its own diff, or one made from what it was told to write. */
export function diffsOf(tool: ToolView): FileDiff[] {
  if (tool.diff !== null) {
    const parsed = parseDiff(tool.diff).files;
    if (parsed.length > 0) return parsed;
  }
  const file = input(tool, "filePath") || null;
  if (tool.name === "write") return [replacementDiff(file, "", input(tool, "content"))].filter(hasLines);
  const edits = Array.isArray(tool.input.edits) ? tool.input.edits.filter(isObject) : [tool.input];
  return edits
    .map((edit) => replacementDiff(file, textIn(edit, "oldString"), textIn(edit, "newString")))
    .filter(hasLines);
}

/** Files that the tool writes to, as in its input. */
export function filesOf(tool: ToolView): string[] {
  const file = input(tool, "filePath");
  return file === "" ? [] : [file];
}

export function input(tool: ToolView, name: string): string {
  return textIn(tool.input, name);
}

function textIn(record: Record<string, unknown>, name: string): string {
  const value = record[name];
  return typeof value === "string" ? value : "";
}

function hasLines(diff: FileDiff): boolean {
  return diff.lines.length > 0;
}

function path(tool: ToolView): Pick<ToolSummary, "object" | "isPath"> {
  return { object: workspacePath(input(tool, "filePath") || input(tool, "path")), isPath: true };
}

function patched(tool: ToolView): Partial<ToolSummary> {
  const files = [...input(tool, "patchText").matchAll(/^\*\*\* (?:Add|Update|Delete) File: (.+)$/gm)];
  const names = files.map((match) => workspacePath((match[1] ?? "").trim()));
  const object = names.length === 1 ? (names[0] ?? "") : names.length > 1 ? `${names.length} files` : "";
  return {
    look: "edit",
    verb: "Patch",
    object,
    isPath: names.length === 1,
    changed: changedIn(diffsOf(tool)),
  };
}

/** Null when a cut text hides how many lines there were. */
function changedIn(diffs: readonly FileDiff[]): ToolSummary["changed"] {
  if (diffs.length === 0 || diffs.some((diff) => CUT.test(diff.lines.at(-1)?.text ?? ""))) return null;
  return {
    additions: diffs.reduce((sum, diff) => sum + diff.additions, 0),
    deletions: diffs.reduce((sum, diff) => sum + diff.deletions, 0),
  };
}

function exit(tool: ToolView): string | null {
  return tool.exitCode === null || tool.exitCode === 0 ? null : `exit ${tool.exitCode}`;
}

function readRange(tool: ToolView): string | null {
  const { offset, limit } = tool.input;
  if (typeof offset === "number" && typeof limit === "number") return `lines ${offset}–${offset + limit - 1}`;
  return typeof offset === "number" ? `from line ${offset}` : null;
}

function within(tool: ToolView): string {
  const where = input(tool, "path");
  const what = input(tool, "pattern");
  return where === "" || what === "" ? what : `${what} in ${workspacePath(where)}`;
}

function found(tool: ToolView, what: "file" | "match"): string | null {
  if (tool.status !== "completed") return null;
  if (/^No files found/.test(tool.output)) return "nothing found";
  const told = /^Found (\d+) /.exec(tool.output)?.[1];
  const lines = linesOf(tool.output.trim()).filter((line) => line.startsWith("/")).length;
  const count = told === undefined ? lines : Number(told);
  const noun = what === "file" ? (count === 1 ? "file" : "files") : count === 1 ? "match" : "matches";
  return count === 0 ? null : `${count} ${noun}`;
}

function todoCount(tool: ToolView): string | null {
  const todos = Array.isArray(tool.input.todos) ? tool.input.todos.filter(isObject) : [];
  if (todos.length === 0) return null;
  return `${todos.filter((todo) => todo.status === "completed").length} of ${todos.length} done`;
}

/** opencode's title of a call, unless it only repeats the tool's name. */
function titleOf(tool: ToolView): string {
  return tool.title === null || tool.title === tool.name ? "" : tool.title;
}

function firstText(record: Record<string, unknown>): string {
  const value = Object.values(record).find((each) => typeof each === "string" && each !== "");
  return typeof value === "string" ? value : "";
}

/** Output as people read it: without the wrapping that opencode puts around it for the model. */
export function readableOutput(tool: ToolView): string {
  const { name, output } = tool;
  if (name === "read") {
    const content = /<content>\n?([\s\S]*?)\n?<\/content>/.exec(output)?.[1];
    return content ?? output;
  }
  if (name === "task") return /<task_result>\n?([\s\S]*?)\n?<\/task_result>/.exec(output)?.[1] ?? output;
  return output;
}
