"use client";

import { Archive, ArchiveRestore, Hammer, History, Pencil, Play, Power, Timer, Trash2 } from "lucide-react";
import { useState } from "react";
import type { SessionSummary } from "../../_live/use-lists";
import { containerText } from "../../_session/container-text";
import { sessionRights } from "../../_session/session-rights";
import { useSessionActions } from "../../_session/use-session-actions";
import { IdleStopDialog } from "../../_session/idle-stop-dialog";
import { DeleteSessionDialog } from "../../_session/delete-session-dialog";
import { RenameSessionDialog } from "../../_session/rename-session-dialog";
import { SnapshotsDialog } from "../../_session/snapshots/snapshots-dialog";
import { Menu, MenuItem, MenuSection, MenuSeparator } from "../../_ui/menu";
import type { PopupState } from "../../_ui/use-popup";
import { useShell } from "../_shell/shell-context";

interface SessionMenuProps {
  state: PopupState;
  session: SessionSummary;
  onDeleted?: (() => void) | undefined;
}

/** What one may do with a session, and the dialogs that ask. */
export function SessionMenu({ state, session, onDeleted }: SessionMenuProps) {
  const { me } = useShell();
  const [asked, setAsked] = useState<"rename" | "idle" | "snapshots" | "delete" | null>(null);
  const rights = sessionRights(me, session);
  return (
    <>
      <Menu state={state}>
        <MenuItem onSelect={() => setAsked("rename")} icon={<Pencil size={16} aria-hidden />}>
          Rename
        </MenuItem>
        <RunItems session={session} />
        {rights.write && (
          <MenuItem onSelect={() => setAsked("idle")} icon={<Timer size={16} aria-hidden />}>
            When nobody uses it…
          </MenuItem>
        )}
        {rights.write && (
          <MenuItem onSelect={() => setAsked("snapshots")} icon={<History size={16} aria-hidden />}>
            Snapshots…
          </MenuItem>
        )}
        <ContainerItems session={session} />
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
      <IdleStopDialog session={session} open={asked === "idle"} onClose={() => setAsked(null)} />
      <SnapshotsDialog session={session} open={asked === "snapshots"} onClose={() => setAsked(null)} />
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

function ContainerItems({ session }: { session: SessionSummary }) {
  const { me } = useShell();
  const actions = useSessionActions();
  if (session.image === null || !sessionRights(me, session).rebuild) return null;
  return (
    <MenuSection label={containerText({ image: session.image, version: session.version })}>
      <MenuItem onSelect={() => void actions.rebuild(session)} icon={<Hammer size={16} aria-hidden />}>
        Rebuild on the newest image
      </MenuItem>
    </MenuSection>
  );
}
