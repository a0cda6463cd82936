"use client";

import { Keyboard, LogOut, Settings } from "lucide-react";
import { signOut } from "../../_client/sign-in";
import { sentenceOf } from "../../_client/sentence-of";
import { useLeave } from "../../_live/use-leave";
import { THEMES } from "../../_theme/theme";
import { useTheme } from "../../_theme/use-theme";
import { Menu, MenuChoice, MenuItem, MenuLink, MenuSeparator } from "../../_ui/menu";
import { toast } from "../../_ui/toast";
import type { PopupState } from "../../_ui/use-popup";
import { useShell } from "./shell-context";

/** What is about the person who is signed in. */
export function AccountMenu({ state, side }: { state: PopupState; side: "top" | "bottom" }) {
  const { me, open } = useShell();
  const [theme, setTheme] = useTheme();
  const signOutHere = useSignOut();
  return (
    <Menu state={state} side={side} align={side === "bottom" ? "end" : "start"}>
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

/** Signs out in this browser; says so when it does not work. */
export function useSignOut(): () => void {
  const leave = useLeave();
  return () => void leave(signOut).catch((cause: unknown) => toast(sentenceOf(cause)));
}
