"use client";

import { useState } from "react";
import { CopyButton } from "../../../../_ui/copy-button";
import { plainOutput } from "../../../../_ui/shown-text";

const LINES_SHOWN = 24;
const CHARACTERS_SHOWN = 6000;

/** The head of a long text; null when all of it is shown. */
export function headOf(text: string): string | null {
  const lines = text.split("\n");
  const head = lines.slice(0, LINES_SHOWN).join("\n").slice(0, CHARACTERS_SHOWN);
  return head.length < text.length ? head : null;
}

/** The last lines of what a running tool prints. */
export function tailOf(text: string, lines: number): string {
  // More than enough for the lines wanted; an output of a mebibyte is not taken apart for three of them.
  const end = plainOutput(text.slice(-8000)).trimEnd();
  return end.split("\n").slice(-lines).join("\n");
}

interface OutputTextProps {
  text: string;
  /** As in "Copy output". */
  what: string;
  danger?: boolean;
}

/** Printed text: escapes stripped, long text cut until it is asked for. */
export function OutputText({ text, what, danger = false }: OutputTextProps) {
  const [all, setAll] = useState(false);
  const plain = plainOutput(text);
  const head = all ? null : headOf(plain);
  return (
    <div className="relative">
      <pre
        tabIndex={0}
        className={`max-h-[60vh] overflow-auto py-2 pr-16 pl-3 font-mono text-[13px] leading-5 [overflow-wrap:anywhere] whitespace-pre-wrap ${danger ? "text-danger" : ""}`}
      >
        {head ?? plain}
      </pre>
      <div className="absolute top-0.5 right-3 bg-raised text-[12px]">
        <CopyButton text={plain} what={what} />
      </div>
      {head !== null && (
        <button
          type="button"
          onClick={() => setAll(true)}
          className="min-h-8 w-full cursor-pointer border-t border-line px-3 text-left text-[12px] text-muted hover:text-fg pointer-coarse:min-h-10"
        >
          Show all {plain.split("\n").length.toLocaleString()} lines
        </button>
      )}
    </div>
  );
}
