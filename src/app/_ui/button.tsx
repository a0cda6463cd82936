import type { ComponentProps } from "react";

type Kind = "primary" | "plain" | "ghost" | "danger";

interface ButtonProps extends ComponentProps<"button"> {
  /** One `primary` a view; `plain` beside it; `ghost` in bars and rows; `danger` for what cannot be taken back. */
  kind?: Kind;
  busy?: boolean;
  /** What it says while busy. */
  busyLabel?: string;
}

const LOOK: Record<Kind, string> = {
  primary: "bg-accent text-on-accent font-medium hover:opacity-90",
  plain: "border border-line text-fg hover:bg-hover",
  ghost: "text-fg hover:bg-hover",
  danger: "bg-danger text-on-danger font-medium hover:opacity-90",
};

/** 32 px high under a mouse, 40 px under a finger. A busy one keeps the focus, which a disabled one would lose. */
export function Button({
  kind = "primary",
  busy = false,
  busyLabel,
  className = "",
  onClick,
  children,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      onClick={busy ? undefined : onClick}
      aria-disabled={busy || undefined}
      className={`inline-flex min-h-8 cursor-pointer items-center justify-center gap-1.5 rounded-md px-3 whitespace-nowrap transition-opacity duration-100 pointer-coarse:min-h-10 disabled:cursor-default disabled:opacity-60 aria-disabled:cursor-default aria-disabled:opacity-60 ${LOOK[kind]} ${className}`}
    >
      {busy ? (busyLabel ?? children) : children}
    </button>
  );
}
