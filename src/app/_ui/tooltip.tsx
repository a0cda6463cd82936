"use client";

import { Tooltip as Base } from "@base-ui/react/tooltip";
import type { ReactElement } from "react";
import { Kbd } from "./kbd";

interface TooltipProps {
  label: string;
  /** The keys that do the same, such as `["N"]` or `["G", "I"]`. */
  keys?: readonly string[] | undefined;
  side?: "top" | "bottom" | "left" | "right";
  /** The control; what the tooltip says must also be its accessible name or beside it. */
  children: ReactElement<Record<string, unknown>>;
}

export function Tooltip({ label, keys, side = "bottom", children }: TooltipProps) {
  return (
    <Base.Root>
      <Base.Trigger delay={400} render={children} />
      <Base.Portal>
        <Base.Positioner side={side} sideOffset={6} className="z-50">
          <Base.Popup className="flex max-w-72 items-center gap-2 rounded-md bg-fg px-2 py-1 text-small text-bg">
            {label}
            {keys?.map((key) => (
              <Kbd key={key} inverse>
                {key}
              </Kbd>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
