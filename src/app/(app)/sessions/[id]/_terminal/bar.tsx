import type { ReactNode } from "react";
import { Button } from "../../../../_ui/button";

interface BarProps {
  children: ReactNode;
  /** The first is what to do; the last leaves all as it is. */
  actions?: readonly { label: string; run: () => void; disabled?: boolean }[];
  isUrgent?: boolean;
}

/** A sentence along the terminal's edge and what to do about it: it hides nothing and takes no focus. */
export function Bar({ children, actions = [], isUrgent = false }: BarProps) {
  return (
    <div
      role={isUrgent ? "alert" : "status"}
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-t border-line bg-raised px-3 py-1 text-[13px]"
    >
      <p className="min-w-0 flex-1 basis-48 [overflow-wrap:anywhere]">{children}</p>
      {actions.map(({ label, run, disabled = false }) => (
        <Button key={label} kind="plain" onClick={run} disabled={disabled}>
          {label}
        </Button>
      ))}
    </div>
  );
}
