import type { ReactNode } from "react";

/** One narrow column: the way in. */
export default function AuthLayout({ children }: { children: ReactNode }) {
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-[360px] flex-col px-5 pt-[9vh] pb-12">
      <p className="mb-8 text-muted">OpenAgent</p>
      {children}
    </main>
  );
}
