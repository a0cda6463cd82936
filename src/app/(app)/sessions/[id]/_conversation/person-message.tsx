"use client";

import { memo, useState } from "react";
import type { MessageView } from "../../../../../timeline/view";
import { nameOf, useConversation } from "./conversation-context";
import { clockTime } from "./figures";
import { FileChip } from "./file-chip";
import { withoutReordering } from "../../../../_ui/shown-text";

const LINES_SHOWN = 16;
const CHARACTERS_SHOWN = 1600;

/** What a person sent. `waiting` says why a queued prompt has not begun; null for all others. */
export const PersonMessage = memo(function PersonMessage({
  message,
  waiting,
}: {
  message: MessageView;
  waiting: string | null;
}) {
  const text = textOf(message);
  const files = message.parts.flatMap((part) =>
    part.file === undefined ? [] : [{ id: part.id, file: part.file }],
  );
  return (
    <div data-anchor={message.promptId ?? message.id} className="mb-5 flex flex-col items-end">
      <Heading message={message} />
      <div className="max-w-[85%] min-w-0 rounded-lg bg-raised px-3 py-2">
        <PlainText text={text} />
        {files.map(({ id, file }) => (
          <FileChip key={id} file={file} />
        ))}
      </div>
      {waiting !== null && (
        <p className="mt-1 text-[12px] text-muted">
          <span className="font-medium text-fg">waiting</span> · {waiting}
        </p>
      )}
      {message.cancelled !== undefined && (
        <p className="mt-1 text-[12px] text-muted">
          not run
          {message.cancelled.reason === undefined ? "" : `: ${withoutReordering(message.cancelled.reason)}`}
        </p>
      )}
    </div>
  );
});

/** Names the turn for those who go from heading to heading. */
export function Heading({ message }: { message: MessageView }) {
  const { names } = useConversation();
  return (
    <h2 className="mb-1 text-[12px] font-normal text-muted">
      <bdi>{nameOf(names, message.by)}</bdi>
      {" · "}
      <time dateTime={message.at} title={new Date(message.at).toLocaleString()} className="tabular-nums">
        {clockTime(message.at)}
      </time>
    </h2>
  );
}

export function textOf(message: MessageView): string {
  return message.parts
    .filter((part) => part.kind === "text")
    .map((part) => part.text)
    .join("\n");
}

function PlainText({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  const head = text.split("\n").slice(0, LINES_SHOWN).join("\n").slice(0, CHARACTERS_SHOWN);
  const cut = !all && head.length < text.length;
  return (
    <>
      <p dir="auto" className="[overflow-wrap:anywhere] whitespace-pre-wrap">
        {withoutReordering(cut ? `${head}…` : text)}
      </p>
      {cut && (
        <button
          type="button"
          onClick={() => setAll(true)}
          className="mt-1 min-h-6 cursor-pointer text-[12px] text-muted hover:text-fg pointer-coarse:min-h-10"
        >
          Show all
        </button>
      )}
    </>
  );
}
