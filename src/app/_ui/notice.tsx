import type { ReactNode } from "react";

/** What went wrong, where the eye is, and read out when it appears. */
export function Notice({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="border-l-2 border-danger pl-3 text-danger">
      {children}
    </p>
  );
}
