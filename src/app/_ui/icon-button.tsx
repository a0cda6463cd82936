"use client";

import type { ComponentProps } from "react";
import { withoutReordering } from "./shown-text";
import { Tooltip } from "./tooltip";

interface IconButtonProps extends Omit<ComponentProps<"button">, "aria-label"> {
  /** Its name, read out and shown on hover. */
  label: string;
  keys?: readonly string[];
  /** `primary`: what the bar is there for. */
  kind?: "ghost" | "primary";
}

const LOOK = {
  ghost: "text-muted hover:bg-hover hover:text-fg data-popup-open:bg-hover data-popup-open:text-fg",
  primary: "bg-accent text-on-accent hover:opacity-90",
} as const;

/** An icon alone, with its name on hover. The icon is the child: 16 px. */
export function IconButton({
  label,
  keys,
  kind = "ghost",
  className = "",
  children,
  ...rest
}: IconButtonProps) {
  const name = withoutReordering(label);
  return (
    <Tooltip label={name} keys={keys}>
      <button
        type="button"
        {...rest}
        aria-label={name}
        className={`inline-flex size-8 shrink-0 cursor-pointer items-center justify-center rounded-md disabled:cursor-default disabled:opacity-50 pointer-coarse:size-10 ${LOOK[kind]} ${className}`}
      >
        {children}
      </button>
    </Tooltip>
  );
}
