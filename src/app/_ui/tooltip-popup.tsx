"use client";

import { Tooltip as Base } from "@base-ui/react/tooltip";
import { Kbd } from "./kbd";

export interface TooltipPopupProps {
  anchor: Element;
  label: string;
  keys?: readonly string[] | undefined;
  side: "top" | "bottom" | "left" | "right";
}

export function TooltipPopup({ anchor, label, keys, side }: TooltipPopupProps) {
  return (
    <Base.Root open>
      <Base.Portal>
        <Base.Positioner anchor={anchor} side={side} sideOffset={6} className="pointer-events-none z-50">
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
