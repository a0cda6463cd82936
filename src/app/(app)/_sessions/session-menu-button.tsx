"use client";

import { MoreHorizontal } from "lucide-react";
import type { SessionSummary } from "../../_live/use-lists";
import { sessionRights } from "../../_session/session-rights";
import { IconButton } from "../../_ui/icon-button";
import { usePopup } from "../../_ui/use-popup";
import { useShell } from "../_shell/shell-context";

interface SessionMenuButtonProps {
  session: SessionSummary;
  onDeleted?: (() => void) | undefined;
}

/** Opens what one may do with a session; nothing for who may only read. */
export function SessionMenuButton({ session, onDeleted }: SessionMenuButtonProps) {
  const { me } = useShell();
  const { Popup, state, trigger } = usePopup(
    "menu",
    async () => (await import("./session-menu")).SessionMenu,
  );
  const rights = sessionRights(me, session);
  if (!rights.write && !rights.remove) return null;
  return (
    <>
      <IconButton {...trigger} label={`More about ${session.title}`}>
        <MoreHorizontal size={16} aria-hidden />
      </IconButton>
      {Popup !== null && <Popup state={state} session={session} onDeleted={onDeleted} />}
    </>
  );
}
