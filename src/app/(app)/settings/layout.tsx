import type { ReactNode } from "react";
import { SettingsNav } from "./settings-nav";

export default function SettingsLayout({ children }: { children: ReactNode }) {
  return (
    <main className="mx-auto w-full max-w-[720px] px-4 pt-6 pb-16 sm:px-6">
      <h1 className="mb-3 text-lg font-semibold">Settings</h1>
      <SettingsNav />
      <div className="flex flex-col pt-2">{children}</div>
    </main>
  );
}
