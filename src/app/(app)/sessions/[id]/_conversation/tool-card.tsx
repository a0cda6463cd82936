"use client";

import {
  Bot,
  CircleHelp,
  FileText,
  FolderTree,
  Globe,
  ListTodo,
  type LucideIcon,
  PencilLine,
  Search,
  SquarePen,
  Terminal,
  Wrench,
} from "lucide-react";
import { memo } from "react";
import type { PartView, ToolView } from "../../../../../timeline/view";
import { useConversation } from "./conversation-context";
import { duration } from "./figures";
import { Fold } from "./fold";
import { tailOf } from "./output-text";
import { AnsweredLine } from "./answered-line";
import { shortPath } from "./short-path";
import { shown } from "../../../../_ui/shown-text";
import { Elapsed } from "./ticking";
import { ToolBody } from "./tool-body";
import { summaryOf, type ToolLook, type ToolSummary } from "./tool-summary";
import { sameThreads, type Thread } from "./turns";

const ICONS: Readonly<Record<ToolLook, LucideIcon>> = {
  shell: Terminal,
  read: FileText,
  write: SquarePen,
  edit: PencilLine,
  search: Search,
  list: FolderTree,
  web: Globe,
  todos: ListTodo,
  agent: Bot,
  question: CircleHelp,
  other: Wrench,
};

const LIVE_LINES = 3;
/** Characters of an object in the line; the whole stands in the opened card. */
const OBJECT_SHOWN = 400;

interface ToolCardProps {
  part: PartView;
  tool: ToolView;
  threads: readonly Thread[];
}

/** One line until it is opened: icon, verb, object, result, time. Failed ones open themselves. */
export const ToolCard = memo(
  function ToolCard({ part, tool, threads }: ToolCardProps) {
    const { answeredByPart } = useConversation();
    const answered = answeredByPart.get(part.id) ?? [];
    const refused = answered.some((request) => request.outcome === "reject");
    const failed = tool.status === "error" || (tool.exitCode ?? 0) !== 0;
    const running = tool.status === "running" || tool.status === "pending";
    const live = running ? tailOf(tool.output, LIVE_LINES) : "";
    return (
      <div className="my-1.5" data-tool={tool.name} data-status={tool.status}>
        <Fold openByItself={failed && !refused} line={<ToolLine part={part} tool={tool} refused={refused} />}>
          {() => <ToolBody tool={tool} threads={threads} />}
        </Fold>
        {live !== "" && (
          <pre className="ml-[22px] overflow-hidden border-l border-line pl-3 font-mono text-[12px] leading-5 text-muted [overflow-wrap:anywhere] whitespace-pre-wrap">
            {live}
          </pre>
        )}
        {answered.map((request) => (
          <AnsweredLine key={request.requestId} request={request} />
        ))}
      </div>
    );
  },
  (a, b) => a.part === b.part && sameThreads(a.threads, b.threads),
);

function ToolLine({ part, tool, refused }: { part: PartView; tool: ToolView; refused: boolean }) {
  const summary = summaryOf(tool);
  const Icon = ICONS[summary.look];
  const running = tool.status === "running" || tool.status === "pending";
  const object = shown(summary.object.slice(0, OBJECT_SHOWN)).replace(/\s+/g, " ");
  return (
    <>
      <Icon size={14} aria-hidden className={`shrink-0 ${running ? "animate-beat" : ""}`} />
      <span className="flex min-w-0 flex-1 items-baseline gap-2">
        <span className="max-w-[60%] shrink-0 truncate text-fg">{shown(summary.verb)}</span>
        <bdi
          className={`min-w-0 truncate ${summary.look === "question" ? "" : "font-mono text-[13px]"}`}
          title={object}
        >
          {summary.isPath ? shortPath(object) : object}
        </bdi>
      </span>
      <span className="flex shrink-0 items-baseline gap-2 text-[12px] tabular-nums">
        <Outcome tool={tool} summary={summary} refused={refused} />
        {running && part.startedAt !== undefined && <Elapsed since={part.startedAt} />}
        {tool.durationMs !== null && <span>{duration(tool.durationMs)}</span>}
      </span>
    </>
  );
}

function Outcome({ tool, summary, refused }: { tool: ToolView; summary: ToolSummary; refused: boolean }) {
  if (tool.status === "error") return <span className="text-danger">{refused ? "rejected" : "failed"}</span>;
  const bad = (tool.exitCode ?? 0) !== 0;
  return (
    <>
      {summary.changed !== null && (
        <span className="font-mono">
          <span className="text-good">+{summary.changed.additions}</span>
          {summary.changed.deletions > 0 && (
            <span className="text-danger"> −{summary.changed.deletions}</span>
          )}
        </span>
      )}
      {summary.result !== null && <span className={bad ? "text-danger" : ""}>{shown(summary.result)}</span>}
    </>
  );
}
