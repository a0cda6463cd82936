import type { ComponentProps } from "react";

interface ButtonProps extends ComponentProps<"button"> {
  busy?: boolean;
  /** What it says while busy. */
  busyLabel?: string;
  quiet?: boolean;
}

export function Button({ busy = false, busyLabel, quiet = false, children, ...rest }: ButtonProps) {
  const look = quiet
    ? "border border-line text-fg hover:bg-raised"
    : "bg-accent text-on-accent hover:opacity-90 font-medium";
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={busy}
      className={`min-h-10 cursor-pointer rounded-md px-4 aria-disabled:cursor-default aria-disabled:opacity-60 disabled:cursor-default disabled:opacity-60 ${look}`}
    >
      {busy ? (busyLabel ?? children) : children}
    </button>
  );
}
