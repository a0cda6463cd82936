"use client";

import { ChevronDown } from "lucide-react";
import { usePopup } from "../../_ui/use-popup";
import { useShell } from "./shell-context";

interface AccountButtonProps {
  /** Only the first letter. */
  compact?: boolean;
  /** Where its menu opens. */
  side: "top" | "bottom";
}

/** Who is signed in; opens what is about them. */
export function AccountButton({ compact = false, side }: AccountButtonProps) {
  const { me } = useShell();
  const { Popup, state, trigger } = usePopup(
    "menu",
    async () => (await import("./account-menu")).AccountMenu,
  );
  return (
    <>
      <button
        type="button"
        {...trigger}
        aria-label={compact ? `Account of ${me.name}` : undefined}
        className="flex min-h-8 min-w-0 cursor-pointer items-center gap-2 rounded-md px-1.5 hover:bg-hover data-popup-open:bg-hover pointer-coarse:min-h-10"
      >
        <Initial name={me.name} />
        {!compact && (
          <>
            <span className="sr-only">Account of</span>
            <bdi className="min-w-0 truncate">{me.name}</bdi>
            <ChevronDown size={14} aria-hidden className="shrink-0 text-muted" />
          </>
        )}
      </button>
      {Popup !== null && <Popup state={state} side={side} />}
    </>
  );
}

function Initial({ name }: { name: string }) {
  // By what people count as a letter, not by half of one.
  const [letter = "?"] = name.trim();
  return (
    <span
      aria-hidden
      className="inline-flex size-6 shrink-0 items-center justify-center rounded-full bg-hover text-small font-medium uppercase"
    >
      {letter}
    </span>
  );
}
