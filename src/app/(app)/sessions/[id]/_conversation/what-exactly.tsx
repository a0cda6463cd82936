import { DiffView } from "./diff-view";
import { StrictText } from "./strict-text";
import { parseDiff } from "./unified-diff";

interface WhatExactlyProps {
  detail: string;
  patterns: readonly string[];
}

/** What a person is to approve, the whole of it: it wraps, scrolls when it is long, and says how long it is. */
export function WhatExactly({ detail, patterns }: WhatExactlyProps) {
  const { files, isWhole } = parseDiff(detail);
  const lines = detail.split("\n").length;
  // A command may have a diff in it, and more than that.
  if (files.length > 0 && isWhole) {
    return (
      <div className="mt-2 overflow-hidden rounded-md border border-line bg-raised">
        <DiffView diffs={files} strict />
      </div>
    );
  }
  const text = detail === "" || detail === "{}" ? patterns.join("\n") : detail;
  if (text === "") return null;
  return (
    <>
      <pre
        tabIndex={0}
        className="mt-2 max-h-[30dvh] overflow-auto rounded-md border border-line bg-raised px-3 py-2 font-mono text-small [overflow-wrap:anywhere] whitespace-pre-wrap"
      >
        <StrictText text={text} />
      </pre>
      {(lines > 12 || detail.length > 1200) && (
        <p className="mt-1 text-[12px] text-muted">
          {lines.toLocaleString()} {lines === 1 ? "line" : "lines"}, {detail.length.toLocaleString()}{" "}
          characters: read to the end before you allow it.
        </p>
      )}
    </>
  );
}
