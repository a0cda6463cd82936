"use client";

import { memo } from "react";
import type { PartView } from "../../../../../timeline/view";
import { between, duration } from "./figures";
import { Fold } from "./fold";
import { Markdown } from "./markdown";
import { tailOf } from "./output-text";
import { Elapsed } from "./ticking";

const LIVE_LINES = 3;
/** Less is no time to tell of. */
const NOTABLE_MS = 1_000;

/** What the model thought: its last lines while it thinks, folded after. */
export const Reasoning = memo(function Reasoning({ part }: { part: PartView }) {
  const thinking = part.state === "streaming";
  const took = between(part.startedAt, part.endedAt);
  if (!thinking && part.text.trim() === "") return null;
  return (
    <div className="my-1.5">
      <Fold
        line={
          thinking ? (
            <span>thinking {part.startedAt !== undefined && <Elapsed since={part.startedAt} />}</span>
          ) : (
            <span>{took === null || took < NOTABLE_MS ? "thought" : `thought for ${duration(took)}`}</span>
          )
        }
      >
        {() => (
          <div className="ml-[6px] border-l border-line py-1 pl-[15px] text-muted">
            <Markdown text={part.text} streaming={thinking} />
          </div>
        )}
      </Fold>
      {thinking && part.text !== "" && (
        <p
          dir="auto"
          className="ml-[6px] border-l border-line pl-[15px] text-[13px] [overflow-wrap:anywhere] whitespace-pre-wrap text-muted"
        >
          {tailOf(part.text, LIVE_LINES).slice(-300)}
        </p>
      )}
    </div>
  );
});
