import type { ReactNode } from "react";

interface NoticeProps {
  tone?: "danger" | "warn" | "good" | "plain";
  /** What to do about it: a button. */
  action?: ReactNode;
  className?: string;
  children: ReactNode;
}

const TONE = {
  danger: "border-danger text-danger",
  warn: "border-warn text-fg",
  good: "border-good text-fg",
  plain: "border-line text-fg",
} as const;

/** A sentence where the eye is. What went wrong is read out when it appears; the rest when the reader is free. */
export function Notice({ tone = "danger", action, className = "", children }: NoticeProps) {
  return (
    <div
      role={tone === "danger" ? "alert" : "status"}
      className={`flex flex-wrap items-center gap-x-3 gap-y-2 border-l-2 pl-3 ${TONE[tone]} ${className}`}
    >
      <div className="min-w-0 flex-1 basis-48 [overflow-wrap:anywhere]">{children}</div>
      {action}
    </div>
  );
}
