"use client";

import { useState } from "react";
import { workspacePath } from "./short-path";
import { shown, withoutReordering } from "../../../../_ui/shown-text";
import type { DiffLine, FileDiff } from "./unified-diff";

const LINES_SHOWN = 60;

const LOOK = {
  added: "bg-good/10",
  removed: "bg-danger/10",
  same: "",
  gap: "text-muted",
} as const;
const SIGN = { added: "+", removed: "−", same: " ", gap: "⋯" } as const;

interface DiffViewProps {
  diffs: readonly FileDiff[];
  /** For what people approve: nothing in it may hide, nor be folded away. */
  strict?: boolean;
}

export function DiffView({ diffs, strict = false }: DiffViewProps) {
  return diffs.map((diff, index) => (
    <OneFile key={index} diff={diff} strict={strict} named={diffs.length > 1 || strict} />
  ));
}

function OneFile({ diff, strict, named }: { diff: FileDiff; strict: boolean; named: boolean }) {
  const [all, setAll] = useState(strict);
  const lines = all ? diff.lines : diff.lines.slice(0, LINES_SHOWN);
  const numbered = diff.lines.some((line) => line.before !== null || line.after !== null);
  return (
    <div>
      {named && diff.path !== null && (
        <p className="px-3 pt-2 font-mono text-[12px] [overflow-wrap:anywhere] text-muted">
          {shown(workspacePath(diff.path))}
        </p>
      )}
      <pre
        tabIndex={0}
        aria-label="Changed lines"
        className="max-h-[60vh] overflow-auto py-2 font-mono text-[13px] leading-5"
      >
        <span className="block w-max min-w-full">
          {lines.map((line, index) => (
            <Line key={index} line={line} numbered={numbered} strict={strict} />
          ))}
        </span>
      </pre>
      {lines.length < diff.lines.length && (
        <button
          type="button"
          onClick={() => setAll(true)}
          className="min-h-8 w-full cursor-pointer border-t border-line px-3 text-left text-[12px] text-muted hover:text-fg pointer-coarse:min-h-10"
        >
          Show all {diff.lines.length.toLocaleString()} lines
        </button>
      )}
    </div>
  );
}

function Line({ line, numbered, strict }: { line: DiffLine; numbered: boolean; strict: boolean }) {
  const number = line.kind === "removed" ? line.before : line.after;
  return (
    <span className={`block px-3 ${LOOK[line.kind]}`}>
      {numbered && (
        <span className="inline-block w-9 pr-2 text-right text-[12px] text-muted select-none" aria-hidden>
          {number}
        </span>
      )}
      <span
        className={`inline-block w-4 select-none ${line.kind === "added" ? "text-good" : line.kind === "removed" ? "text-danger" : ""}`}
      >
        {SIGN[line.kind]}
      </span>
      {strict ? shown(line.text) : withoutReordering(line.text)}
    </span>
  );
}
