"use client";

import type { MessageView } from "../../../../../timeline/view";
import { OutputText } from "./output-text";
import { Heading, textOf } from "./person-message";
import { duration } from "./figures";
import { withoutReordering } from "../../../../_ui/shown-text";

interface ShellCardProps {
  message: MessageView;
  /** The agent's messages of its turn; one of them holds the output. */
  agent: readonly MessageView[];
  waiting: string | null;
}

/** A command that a person ran, with what it printed, as a terminal shows it. */
export function ShellCard({ message, agent, waiting }: ShellCardProps) {
  const tools = agent.flatMap((each) => each.parts.flatMap((part) => part.tool ?? []));
  const output = tools.map((tool) => tool.output).join("");
  const error = tools.find((tool) => tool.error !== null)?.error ?? null;
  const [tool] = tools;
  return (
    <div data-anchor={message.promptId ?? message.id} className="mb-5">
      <Heading message={message} />
      <div className="overflow-hidden rounded-md border border-line bg-raised">
        <OutputText text={`$ ${textOf(message)}`} what="command" />
        {output !== "" && (
          <div className="border-t border-line">
            <OutputText text={output} what="output" />
          </div>
        )}
        {error !== null && (
          <div className="border-t border-line">
            <OutputText text={error} what="error" danger />
          </div>
        )}
        <p className="border-t border-line px-3 py-1 text-[12px] text-muted tabular-nums">
          {stateOf({
            message,
            waiting,
            exitCode: tool?.exitCode ?? null,
            durationMs: tool?.durationMs ?? null,
          })}
        </p>
      </div>
    </div>
  );
}

function stateOf(opts: {
  message: MessageView;
  waiting: string | null;
  exitCode: number | null;
  durationMs: number | null;
}): string {
  const { message, waiting, exitCode, durationMs } = opts;
  if (waiting !== null) return `waiting · ${waiting}`;
  if (message.cancelled !== undefined) {
    return `not run${message.cancelled.reason === undefined ? "" : `: ${withoutReordering(message.cancelled.reason)}`}`;
  }
  if (message.state === "streaming") return "running";
  const ended = exitCode === null || exitCode === 0 ? "done" : `exit ${exitCode}`;
  return durationMs === null ? ended : `${ended} · ${duration(durationMs)}`;
}
