"use client";

import { Plus, Search } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { Brand } from "../../_ui/brand";
import { IconButton } from "../../_ui/icon-button";
import { AccountButton } from "./account-button";
import { useShell } from "./shell-context";

/** On phones, where there is no sidebar. A session's page has a bar of its own. */
export function PhoneBar() {
  const { open } = useShell();
  const pathname = usePathname();
  if (pathname.startsWith("/sessions/")) return null;
  return (
    <header className="sticky top-0 z-20 flex items-center gap-1 border-b border-line bg-bg py-1 pt-[max(4px,env(safe-area-inset-top))] pr-2 pl-4 md:hidden">
      <Link href="/" className="mr-auto flex rounded-md py-2">
        <Brand />
      </Link>
      <IconButton label="Search" onClick={() => open("palette")}>
        <Search size={18} aria-hidden />
      </IconButton>
      <IconButton label="New session" onClick={() => open("new-session")}>
        <Plus size={18} aria-hidden />
      </IconButton>
      <AccountButton compact side="bottom" />
    </header>
  );
}
