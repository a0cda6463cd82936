"use client";

import { memo } from "react";
import remend from "remend";
import { endsInFence, markdownBlocks } from "./markdown-blocks";
import { withoutReordering } from "../../../../_ui/shown-text";
import { BlockElements } from "./markdown-elements";
import { markdownTokens } from "./markdown-tokens";

const REMEND = { linkMode: "text-only", images: false, katex: false } as const;

/** Prose of the agent. While it streams, only the last block is drawn anew. */
export const Markdown = memo(function Markdown({ text, streaming }: { text: string; streaming: boolean }) {
  const blocks = markdownBlocks(withoutReordering(text));
  return (
    <div className="min-w-0 [overflow-wrap:anywhere]">
      {blocks.map((block, index) => (
        <Block key={index} text={block} streaming={streaming && index === blocks.length - 1} />
      ))}
    </div>
  );
});

const Block = memo(function Block({ text, streaming }: { text: string; streaming: boolean }) {
  const inCode = streaming && endsInFence(text);
  const whole = streaming && !inCode ? remend(text, REMEND) : text;
  return <BlockElements tokens={markdownTokens(whole)} openCode={inCode} />;
});
