import type { ReactNode } from "react";

/** A word or a number beside something, such as how many requests wait. */
export function Badge({ tone = "plain", children }: { tone?: "plain" | "attention"; children: ReactNode }) {
  return (
    <span
      className={`inline-flex min-w-5 items-center justify-center rounded-full px-1.5 text-[12px] leading-5 font-medium tabular-nums ${
        tone === "attention" ? "bg-warn text-bg" : "bg-hover text-muted"
      }`}
    >
      {children}
    </span>
  );
}
