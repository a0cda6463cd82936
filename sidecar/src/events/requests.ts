import type { EventDataOf } from "../contract";
import type { PermissionAsked, QuestionAsked } from "../opencode/wire";
import { cutText } from "./cut";

const DETAIL_UNITS = 64 * 1024;
const TITLE_UNITS = 200;

/** Ours from opencode's id, the same at every start, so that an answer finds its way back. */
export function requestIdOf(agentId: string): string {
  return `req_${agentId}`;
}

/** opencode's id of a request of ours; null when it is none. */
export function agentIdOf(requestId: string): string | null {
  return /^req_((?:per|que)_[A-Za-z0-9]+)$/.exec(requestId)?.[1] ?? null;
}

/** Where the tool that asks stands in the conversation. */
export interface AskingPlace {
  messageId?: string;
  partId?: string;
  childId?: string;
}

/** @param workspace files in it are named by their path within it */
export function permissionOpened(
  asked: PermissionAsked,
  place: AskingPlace,
  workspace: string,
): EventDataOf<"request.opened"> {
  return {
    requestId: requestIdOf(asked.id),
    kind: "permission",
    title: permissionTitle(asked, workspace),
    detail: cutText(permissionDetail(asked), DETAIL_UNITS),
    patterns: asked.patterns.slice(0, 200).map((pattern) => cutText(pattern, 2000)),
    always: asked.always.slice(0, 200).map((pattern) => cutText(pattern, 2000)),
    ...place,
  };
}

export function questionOpened(asked: QuestionAsked, place: AskingPlace): EventDataOf<"request.opened"> {
  const questions = asked.questions.slice(0, 20).map((q) => ({
    question: cutText(q.question, 10_000),
    header: cutText(q.header, 400),
    options: q.options
      .slice(0, 50)
      .map((o) => ({ label: o.label.slice(0, 500), description: cutText(o.description, 2000) })),
    ...(q.multiple === undefined ? {} : { multiple: q.multiple }),
  }));
  const first = questions[0]?.question ?? "The agent has a question";
  return {
    requestId: requestIdOf(asked.id),
    kind: "question",
    title: oneLine(first),
    detail: "",
    questions,
    ...place,
  };
}

function permissionTitle(asked: PermissionAsked, workspace: string): string {
  const subject = asked.patterns[0] ?? "";
  switch (asked.permission) {
    case "bash":
      return `Run \`${oneLine(textOf(asked.metadata.command) ?? subject)}\``;
    case "edit":
      return `Edit ${oneLine(within(workspace, textOf(asked.metadata.filepath) ?? subject))}`;
    case "webfetch":
      return `Fetch ${oneLine(textOf(asked.metadata.url) ?? subject)}`;
    case "external_directory":
      return `Use files outside the workspace: ${oneLine(subject)}`;
    case "doom_loop":
      return "Go on, although the agent repeats the same call?";
    default:
      return `Use ${oneLine(asked.permission)}${subject ? `: ${oneLine(subject)}` : ""}`;
  }
}

function permissionDetail(asked: PermissionAsked): string {
  const { command, diff, url } = asked.metadata;
  return textOf(command) ?? textOf(diff) ?? textOf(url) ?? JSON.stringify(asked.metadata, null, 2);
}

/** opencode's own patterns are relative to the repository's root, or to `/` where there is none. */
function within(workspace: string, path: string): string {
  return path.startsWith(`${workspace}/`) ? path.slice(workspace.length + 1) : path;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value.length > 0 ? value : null;
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > TITLE_UNITS ? `${line.slice(0, TITLE_UNITS)}…` : line;
}
