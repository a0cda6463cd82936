"use client";

import type { ReactNode } from "react";
import type { ToolView } from "../../../../../timeline/view";
import { DiffView } from "./diff-view";
import { OutputText } from "./output-text";
import { SubAgent } from "./sub-agent";
import { TodoList } from "./todo-list";
import { diffsOf, input, readableOutput, summaryOf } from "./tool-summary";
import type { Thread } from "./turns";

/** What an opened card shows: what the tool was given, what came of it. */
export function ToolBody({ tool, threads }: { tool: ToolView; threads: readonly Thread[] }) {
  return (
    <div className="mt-1 ml-[22px] overflow-hidden rounded-md border border-line bg-raised">
      <Given tool={tool} threads={threads} />
      {tool.error !== null && (
        <Piece>
          <OutputText text={tool.error} what="error" danger />
        </Piece>
      )}
    </div>
  );
}

function Given({ tool, threads }: { tool: ToolView; threads: readonly Thread[] }): ReactNode {
  const { look } = summaryOf(tool);
  switch (look) {
    case "shell":
      return (
        <>
          <OutputText text={`$ ${input(tool, "command")}`} what="command" />
          <Output tool={tool} />
        </>
      );
    case "write":
    case "edit":
      return <Changes tool={tool} />;
    case "todos":
      return <Todos tool={tool} />;
    case "agent":
      return (
        <>
          <OutputText text={input(tool, "prompt")} what="prompt" />
          {threads.map((thread) => (
            <SubAgent key={thread.child.childId} thread={thread} />
          ))}
          {threads.length === 0 && <Output tool={tool} />}
        </>
      );
    case "read":
    case "search":
    case "list":
      return tool.output === "" && tool.error === null ? <Arguments tool={tool} /> : <Output tool={tool} />;
    case "web":
    case "question":
    case "other":
      return (
        <>
          <Arguments tool={tool} />
          <Output tool={tool} />
        </>
      );
  }
}

function Changes({ tool }: { tool: ToolView }) {
  const diffs = diffsOf(tool);
  return diffs.length === 0 ? (
    <>
      <Arguments tool={tool} />
      <Output tool={tool} />
    </>
  ) : (
    <DiffView diffs={diffs} />
  );
}

function Todos({ tool }: { tool: ToolView }) {
  const todos = Array.isArray(tool.input.todos) ? tool.input.todos : [];
  const items = todos.flatMap((todo: unknown) => {
    if (typeof todo !== "object" || todo === null || !("content" in todo)) return [];
    const status = "status" in todo && typeof todo.status === "string" ? todo.status : "pending";
    return typeof todo.content === "string" ? [{ content: todo.content, status }] : [];
  });
  return items.length === 0 ? (
    <Output tool={tool} />
  ) : (
    <div className="px-3 py-2">
      <TodoList todos={items} />
    </div>
  );
}

function Arguments({ tool }: { tool: ToolView }) {
  if (Object.keys(tool.input).length === 0) return null;
  return <OutputText text={JSON.stringify(tool.input, null, 2)} what="input" />;
}

function Output({ tool }: { tool: ToolView }) {
  const text = readableOutput(tool);
  if (text.trim() === "") {
    return tool.status === "completed" ? (
      <p className="px-3 py-2 text-[13px] text-muted">It printed nothing.</p>
    ) : null;
  }
  return (
    <Piece>
      <OutputText text={text} what="output" />
    </Piece>
  );
}

function Piece({ children }: { children: ReactNode }) {
  return <div className="border-t border-line first:border-t-0">{children}</div>;
}
