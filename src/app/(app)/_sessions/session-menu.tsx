"use client";

import { Archive, ArchiveRestore, MoreHorizontal, Pencil, Play, Power, Trash2 } from "lucide-react";
import { useState } from "react";
import type { SessionSummary } from "../../_live/use-lists";
import { sessionRights } from "../../_session/session-rights";
import { useSessionActions } from "../../_session/use-session-actions";
import { DeleteSessionDialog } from "../../_session/delete-session-dialog";
import { RenameSessionDialog } from "../../_session/rename-session-dialog";
import { IconButton } from "../../_ui/icon-button";
import { Menu, MenuItem, MenuSeparator } from "../../_ui/menu";
import { useShell } from "../_shell/shell-context";

/** What one may do with a session; nothing for who may only read. */
export function SessionMenu({
  session,
  onDeleted,
}: {
  session: SessionSummary;
  onDeleted?: (() => void) | undefined;
}) {
  const { me } = useShell();
  const [asked, setAsked] = useState<"rename" | "delete" | null>(null);
  const rights = sessionRights(me, session);
  if (!rights.write && !rights.remove) return null;
  return (
    <>
      <Menu
        trigger={
          <IconButton label={`More about ${session.title}`}>
            <MoreHorizontal size={16} aria-hidden />
          </IconButton>
        }
      >
        <MenuItem onSelect={() => setAsked("rename")} icon={<Pencil size={16} aria-hidden />}>
          Rename
        </MenuItem>
        <RunItems session={session} />
        {rights.remove && (
          <>
            <MenuSeparator />
            <MenuItem danger onSelect={() => setAsked("delete")} icon={<Trash2 size={16} aria-hidden />}>
              Delete
            </MenuItem>
          </>
        )}
      </Menu>
      <RenameSessionDialog session={session} open={asked === "rename"} onClose={() => setAsked(null)} />
      <DeleteSessionDialog
        session={session}
        open={asked === "delete"}
        onClose={() => setAsked(null)}
        onDeleted={onDeleted}
      />
    </>
  );
}

function RunItems({ session }: { session: SessionSummary }) {
  const { me } = useShell();
  const actions = useSessionActions();
  const rights = sessionRights(me, session);
  return (
    <>
      {rights.stop && (
        <MenuItem onSelect={() => void actions.stop(session)} icon={<Power size={16} aria-hidden />}>
          Stop
        </MenuItem>
      )}
      {rights.resume && (
        <MenuItem onSelect={() => void actions.resume(session)} icon={<Play size={16} aria-hidden />}>
          Resume
        </MenuItem>
      )}
      {session.archived ? (
        <MenuItem
          onSelect={() => void actions.archive(session, false)}
          icon={<ArchiveRestore size={16} aria-hidden />}
        >
          Take out of the archive
        </MenuItem>
      ) : (
        <MenuItem
          disabled={!rights.archive}
          onSelect={() => void actions.archive(session, true)}
          icon={<Archive size={16} aria-hidden />}
        >
          {rights.archive ? "Archive" : "Archive (stop it first)"}
        </MenuItem>
      )}
    </>
  );
}
