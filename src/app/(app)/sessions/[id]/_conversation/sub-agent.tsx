"use client";

import { shown } from "../../../../_ui/shown-text";
import { AgentMessage } from "./agent-message";
import type { Thread } from "./turns";

/** A sub-agent's conversation, without the prompt that its tool call shows already. */
export function SubAgent({ thread }: { thread: Thread }) {
  const { child, messages } = thread;
  const said = messages.filter((message) => message.role === "assistant");
  return (
    <div
      role="group"
      aria-label={`Sub-agent: ${shown(child.title)}`}
      className="border-t border-line bg-bg px-3 py-2"
    >
      <p className="text-[12px] text-muted">
        <bdi>{shown(child.title)}</bdi> · {child.state === "running" ? "working" : "done"}
      </p>
      {said.map((message) => (
        <AgentMessage key={message.id} message={message} threads={[]} />
      ))}
      {said.length === 0 && <p className="text-[13px] text-muted">It has said nothing yet.</p>}
    </div>
  );
}
