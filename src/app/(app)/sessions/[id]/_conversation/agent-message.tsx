"use client";

import { memo } from "react";
import type { MessageView, PartView } from "../../../../../timeline/view";
import { FileChip } from "./file-chip";
import { Markdown } from "./markdown";
import { Reasoning } from "./reasoning";
import { workspacePath } from "./short-path";
import { shown } from "../../../../_ui/shown-text";
import { ToolCard } from "./tool-card";
import { filesOf } from "./tool-summary";
import { sameThreads, type Thread } from "./turns";

const NO_THREADS: readonly Thread[] = [];

interface AgentMessageProps {
  message: MessageView;
  threads: readonly Thread[];
}

export const AgentMessage = memo(
  function AgentMessage({ message, threads }: AgentMessageProps) {
    return message.parts.map((part) => (
      <div key={part.id} data-anchor={part.id}>
        <Part part={part} parts={message.parts} threads={threadsOf(threads, part)} />
      </div>
    ));
  },
  (a, b) => a.message === b.message && sameThreads(a.threads, b.threads),
);

function threadsOf(threads: readonly Thread[], part: PartView): readonly Thread[] {
  return threads.length === 0 ? NO_THREADS : threads.filter((thread) => thread.child.partId === part.id);
}

interface PartProps {
  part: PartView;
  parts: readonly PartView[];
  threads: readonly Thread[];
}

function Part({ part, parts, threads }: PartProps) {
  switch (part.kind) {
    case "text":
      return part.text.trim() === "" ? null : (
        <div className="my-3">
          <Markdown text={part.text} streaming={part.state === "streaming"} />
        </div>
      );
    case "reasoning":
      return <Reasoning part={part} />;
    case "tool":
      return part.tool === undefined ? null : <ToolCard part={part} tool={part.tool} threads={threads} />;
    case "file":
      return part.file === undefined ? null : <FileChip file={part.file} />;
    case "patch":
      return <ChangedFiles files={untold(part, parts)} />;
    case "compaction":
      return (
        <p className="my-4 flex items-center gap-3 text-[12px] text-muted before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
          the conversation so far was summed up, to make room
        </p>
      );
  }
}

/** Files that changed and that no card of the same message names. */
function untold(part: PartView, parts: readonly PartView[]): string[] {
  const told = new Set(parts.flatMap((each) => (each.tool === undefined ? [] : filesOf(each.tool))));
  return (part.files ?? []).filter((file) => !told.has(file)).map(workspacePath);
}

function ChangedFiles({ files }: { files: readonly string[] }) {
  if (files.length === 0) return null;
  const named = files.slice(0, 8).map(shown).join(", ");
  return (
    <p className="my-1.5 ml-[22px] text-[13px] [overflow-wrap:anywhere] text-muted">
      changed <span className="font-mono">{named}</span>
      {files.length > 8 && ` and ${files.length - 8} more`}
    </p>
  );
}
