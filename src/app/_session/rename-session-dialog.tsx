"use client";

import { Dialog } from "../_ui/dialog";
import { Field } from "../_ui/field";
import { Form } from "../_ui/form";
import type { SessionSummary } from "../_live/use-lists";
import { useSessionActions } from "./use-session-actions";

interface RenameSessionDialogProps {
  session: Pick<SessionSummary, "id" | "title">;
  open: boolean;
  onClose: () => void;
}

export function RenameSessionDialog({ session, open, onClose }: RenameSessionDialogProps) {
  const { rename } = useSessionActions();
  return (
    <Dialog open={open} onOpenChange={onClose} title="Rename session">
      <Form
        label="Rename"
        busyLabel="Renaming…"
        onCancel={onClose}
        action={async (read) => {
          await rename(session, read("title"));
          onClose();
        }}
      >
        <Field name="title" label="Title" defaultValue={session.title} maxLength={200} required autoFocus />
      </Form>
    </Dialog>
  );
}
