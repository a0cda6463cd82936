"use client";

import { ConfirmDialog } from "../_ui/confirm-dialog";
import type { SessionSummary } from "../_live/use-lists";
import { useSessionActions } from "./use-session-actions";

interface DeleteSessionDialogProps {
  session: Pick<SessionSummary, "id" | "title">;
  open: boolean;
  onClose: () => void;
  /** Where the page of the deleted session goes. */
  onDeleted?: (() => void) | undefined;
}

export function DeleteSessionDialog({ session, open, onClose, onDeleted }: DeleteSessionDialogProps) {
  const { remove } = useSessionActions();
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onClose}
      title={`Delete “${session.title}”?`}
      note="This cannot be undone. It takes with it:"
      goes={[
        "its container, and whatever runs in it",
        "every file of its workspace, and its snapshots",
        "the whole conversation, for everybody who sees it",
      ]}
      label="Delete session"
      busyLabel="Deleting…"
      onConfirm={async () => {
        await remove(session);
        onDeleted?.();
      }}
    />
  );
}
