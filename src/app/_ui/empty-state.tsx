import type { ReactNode } from "react";

/** What a place is for while nothing is in it, and the first step. */
export function EmptyState({
  title,
  action,
  children,
}: {
  title: string;
  action?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="flex flex-col items-start gap-3 py-6">
      <h2 className="text-base font-semibold">{title}</h2>
      <div className="max-w-[56ch] text-muted">{children}</div>
      {action}
    </div>
  );
}
