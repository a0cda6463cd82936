"use client";

import { ChevronDown, Keyboard, LogOut, Settings } from "lucide-react";
import { signOut } from "../../_client/sign-in";
import { sentenceOf } from "../../_client/sentence-of";
import { useLeave } from "../../_live/use-leave";
import { THEMES } from "../../_theme/theme";
import { useTheme } from "../../_theme/use-theme";
import { Menu, MenuChoice, MenuItem, MenuLink, MenuSeparator } from "../../_ui/menu";
import { toast } from "../../_ui/toast";
import { useShell } from "./shell-context";

/** Who is signed in, and what is about them. @param compact only the first letter */
export function AccountMenu({ compact = false, side }: { compact?: boolean; side: "top" | "bottom" }) {
  const { me, open } = useShell();
  const [theme, setTheme] = useTheme();
  const signOutHere = useSignOut();
  return (
    <Menu
      side={side}
      align={side === "bottom" ? "end" : "start"}
      trigger={
        <button
          type="button"
          aria-label={compact ? `Account of ${me.name}` : undefined}
          className="flex min-h-8 min-w-0 cursor-pointer items-center gap-2 rounded-md px-1.5 hover:bg-hover data-popup-open:bg-hover pointer-coarse:min-h-10"
        >
          <Initial name={me.name} />
          {!compact && (
            <>
              <span className="sr-only">Account of</span>
              <bdi className="min-w-0 truncate">{me.name}</bdi>
              <ChevronDown size={14} aria-hidden className="shrink-0 text-muted" />
            </>
          )}
        </button>
      }
    >
      <div className="max-w-64 px-2 pt-1.5 pb-1">
        <bdi className="block truncate font-medium">{me.name}</bdi>
        <p className="truncate text-small text-muted">
          {me.role} · {me.email}
        </p>
      </div>
      <MenuSeparator />
      <MenuLink href="/settings" icon={<Settings size={16} aria-hidden />}>
        Settings
      </MenuLink>
      <MenuItem onSelect={() => open("help")} icon={<Keyboard size={16} aria-hidden />} keys={["?"]}>
        Keyboard
      </MenuItem>
      <MenuSeparator />
      <MenuChoice label="Theme" value={theme} options={THEMES} onChange={setTheme} />
      <MenuSeparator />
      <MenuItem onSelect={signOutHere} icon={<LogOut size={16} aria-hidden />}>
        Sign out
      </MenuItem>
    </Menu>
  );
}

function Initial({ name }: { name: string }) {
  // By what people count as a letter, not by half of one.
  const [letter = "?"] = name.trim();
  return (
    <span
      aria-hidden
      className="inline-flex size-6 shrink-0 items-center justify-center rounded-full bg-hover text-small font-medium uppercase"
    >
      {letter}
    </span>
  );
}

/** Signs out in this browser; says so when it does not work. */
export function useSignOut(): () => void {
  const leave = useLeave();
  return () => void leave(signOut).catch((cause: unknown) => toast(sentenceOf(cause)));
}
