"use client";

import { ChevronRight } from "lucide-react";
import { useId, useState, type ReactNode } from "react";

interface FoldProps {
  /** The line that is always seen; in it only text, as the whole line is a button. */
  line: ReactNode;
  /** Opens by itself, until somebody decides otherwise. */
  openByItself?: boolean;
  /** Made only when it is open. */
  children: () => ReactNode;
  className?: string;
}

/** A line that opens. Closed, it costs no more than the line. */
export function Fold({ line, openByItself = false, children, className = "" }: FoldProps) {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const id = useId();
  const open = chosen ?? openByItself;
  return (
    <div className={className}>
      <button
        type="button"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setChosen(!open)}
        className="flex min-h-8 w-full min-w-0 cursor-pointer items-center gap-2 rounded text-left text-muted hover:text-fg pointer-coarse:min-h-10"
      >
        <ChevronRight
          size={14}
          aria-hidden
          className={`shrink-0 motion-safe:transition-transform motion-safe:duration-100 ${open ? "rotate-90" : ""}`}
        />
        {line}
      </button>
      {open && <div id={id}>{children()}</div>}
    </div>
  );
}
