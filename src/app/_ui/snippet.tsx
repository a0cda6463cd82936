"use client";

import { useState } from "react";

/** Text to take away: a line of its own each, wrapped on narrow screens, copied by one press. */
export function Snippet({ text }: { text: string }) {
  const [label, setLabel] = useState("Copy");

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setLabel("Copied");
    } catch {
      // Browsers allow it only over https and on this machine; the text can still be marked by hand.
      setLabel("Select and copy");
    }
  }

  return (
    <div className="flex items-start gap-2 rounded-md border border-line bg-raised py-1 pr-1 pl-3">
      <pre className="min-w-0 flex-1 py-2 font-mono text-[13px] break-all whitespace-pre-wrap">{text}</pre>
      <button
        type="button"
        onClick={() => void copy()}
        className="min-h-10 shrink-0 cursor-pointer rounded px-3 text-muted hover:text-fg"
      >
        {label}
      </button>
    </div>
  );
}
