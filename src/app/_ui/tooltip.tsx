"use client";

import { mergeProps } from "@base-ui/react/merge-props";
import { cloneElement, useState, type ComponentType, type ReactElement } from "react";
import type { TooltipPopupProps } from "./tooltip-popup";
import { useHover } from "./use-hover";

interface TooltipProps {
  label: string;
  /** The keys that do the same, such as `["N"]` or `["G", "I"]`. */
  keys?: readonly string[] | undefined;
  side?: "top" | "bottom" | "left" | "right";
  /** The control; what the tooltip says must also be its accessible name or beside it. */
  children: ReactElement<Record<string, unknown>>;
}

/** Its popup's code comes with the first pointer or focus; without it, as offline, the control is used all the same. */
export function Tooltip({ label, keys, side = "bottom", children }: TooltipProps) {
  const [Popup, setPopup] = useState<ComponentType<TooltipPopupProps> | null>(null);
  const { anchor, handlers } = useHover(() => {
    import("./tooltip-popup").then(
      (loaded) => setPopup(() => loaded.TooltipPopup),
      () => undefined,
    );
  });
  return (
    <>
      {cloneElement(children, mergeProps<"button">(handlers, children.props))}
      {Popup !== null && anchor !== null && <Popup anchor={anchor} label={label} keys={keys} side={side} />}
    </>
  );
}
