import type { ReactNode } from "react";
import { Brand } from "../_ui/brand";

/** One narrow column: the way in. */
export default function AuthLayout({ children }: { children: ReactNode }) {
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-[360px] flex-col px-5 pt-[9vh] pb-12">
      <div className="mb-8">
        <Brand />
      </div>
      {children}
    </main>
  );
}
