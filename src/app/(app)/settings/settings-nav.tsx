"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { mayRun } from "../../../roles";
import { useShell } from "../_shell/shell-context";

const PLACES = [
  { href: "/settings", label: "Profile" },
  { href: "/settings/keys", label: "Keys" },
  { href: "/settings/tokens", label: "Tokens" },
  { href: "/settings/sessions", label: "Sessions" },
  { href: "/settings/storage", label: "Storage" },
] as const;
const RUNNERS_PLACES = [{ href: "/settings/health", label: "Health" }] as const;

/** Each has an address of its own, so they are links that look like tabs. */
export function SettingsNav() {
  const pathname = usePathname();
  const { me } = useShell();
  const places = [...PLACES, ...(mayRun(me) ? RUNNERS_PLACES : [])];
  return (
    <nav aria-label="Settings" className="flex flex-wrap gap-x-1 border-b border-line">
      {places.map(({ href, label }) => {
        const isHere = pathname === href;
        return (
          <Link
            key={href}
            href={href}
            aria-current={isHere ? "page" : undefined}
            className={`-mb-px inline-flex min-h-9 items-center border-b-2 px-2 -outline-offset-2 pointer-coarse:min-h-10 ${
              isHere ? "border-accent text-fg" : "border-transparent text-muted hover:text-fg"
            }`}
          >
            {label}
          </Link>
        );
      })}
    </nav>
  );
}
