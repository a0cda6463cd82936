"use client";

import { memo, useEffect, useState } from "react";
import type { ThemedToken } from "shiki/core";
import { CopyButton } from "../../../../_ui/copy-button";
import { highlight, languageOf } from "./highlighter";
import { withoutReordering } from "../../../../_ui/shown-text";

interface CodeBlockProps {
  code: string;
  /** The word after the fence. */
  tag: string;
  /** More may come: coloured when it is whole. */
  open: boolean;
}

export const CodeBlock = memo(function CodeBlock({ code, tag, open }: CodeBlockProps) {
  const shown = withoutReordering(code);
  const lines = useHighlighted(shown, open ? null : languageOf(tag));
  return (
    <figure
      className={`my-3 overflow-hidden rounded-md border border-line bg-raised ${tag === "" ? "flex flex-row-reverse items-start" : ""}`}
    >
      <figcaption className="flex h-8 shrink-0 items-center justify-between gap-2 pr-1 pl-3 text-[12px] text-muted pointer-coarse:h-10">
        {tag !== "" && <span className="truncate">{tag}</span>}
        <CopyButton text={code} what="code" />
      </figcaption>
      <pre
        tabIndex={0}
        className={`min-w-0 flex-1 overflow-x-auto px-3 font-mono text-[13px] leading-5 ${tag === "" ? "py-2" : "pb-3"}`}
      >
        <code>{lines === null ? shown : lines.map((line, index) => <Line key={index} tokens={line} />)}</code>
      </pre>
    </figure>
  );
});

function Line({ tokens }: { tokens: readonly ThemedToken[] }) {
  return (
    <>
      {tokens.map((token, index) => (
        <span
          key={index}
          style={token.htmlStyle}
          className="[color:light-dark(var(--shiki-light),var(--shiki-dark))]"
        >
          {token.content}
        </span>
      ))}
      {"\n"}
    </>
  );
}

/** null as long as the code is plain. */
function useHighlighted(code: string, language: string | null): ThemedToken[][] | null {
  const [done, setDone] = useState<{ code: string; lines: ThemedToken[][] } | null>(null);
  useEffect(() => {
    if (language === null) return;
    let wanted = true;
    highlight(code, language)
      .then((lines) => {
        if (wanted && lines !== null) setDone({ code, lines });
      })
      // Colours are an ornament: without them, as offline, the code stands there as it is.
      .catch(() => undefined);
    return () => {
      wanted = false;
    };
  }, [code, language]);
  return done !== null && done.code === code ? done.lines : null;
}
