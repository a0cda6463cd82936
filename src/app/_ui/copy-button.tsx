"use client";

import { useState } from "react";

/** @param what completes "Copy": "Copy" alone when the thing stands right beside */
export function CopyButton({ text, what = "" }: { text: string; what?: string }) {
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
    <button
      type="button"
      onClick={() => void copy()}
      className="min-h-8 shrink-0 cursor-pointer rounded-md px-2 text-muted hover:bg-hover hover:text-fg pointer-coarse:min-h-10"
    >
      <span aria-live="polite">{label}</span>
      {what !== "" && <span className="sr-only"> {what}</span>}
    </button>
  );
}
