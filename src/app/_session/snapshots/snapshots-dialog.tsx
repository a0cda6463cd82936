"use client";

import { useState } from "react";
import type { SessionSummary } from "../../_live/use-lists";
import { sentenceOf } from "../../_client/sentence-of";
import { Dialog } from "../../_ui/dialog";
import { Field } from "../../_ui/field";
import { Form } from "../../_ui/form";
import { Notice } from "../../_ui/notice";
import { Spinner } from "../../_ui/spinner";
import { SnapshotRow } from "./snapshot-row";
import { useSnapshots } from "./use-snapshots";

interface SnapshotsDialogProps {
  session: Pick<SessionSummary, "id">;
  open: boolean;
  onClose: () => void;
}

/** States of a session to go back to, and what can be done with each. */
export function SnapshotsDialog({ session, open, onClose }: SnapshotsDialogProps) {
  return (
    <Dialog
      open={open}
      onOpenChange={onClose}
      size="wide"
      title="Snapshots"
      description="Files, the agent’s memory and the place in the conversation, all of one moment. The session stands still while one is made."
    >
      <Content session={session} onClose={onClose} />
    </Dialog>
  );
}

function Content({ session, onClose }: Omit<SnapshotsDialogProps, "open">) {
  const snapshots = useSnapshots(session.id);
  const { items } = snapshots;
  return (
    <div className="flex flex-col gap-4 pb-5">
      <NewSnapshot make={(name) => snapshots.make(name)} />
      {snapshots.error !== null && <Notice>{sentenceOf(snapshots.error)}</Notice>}
      {items === undefined && snapshots.error === null && <Spinner label="Loading…" />}
      {items?.length === 0 && (
        <p className="text-muted">
          None yet. Make one before the agent does something that you may want to undo.
        </p>
      )}
      {items !== undefined && items.length > 0 && (
        <ul aria-label="Snapshots" className="flex flex-col divide-y divide-line border-y border-line">
          {items.map((snapshot) => (
            <SnapshotRow key={snapshot.id} snapshot={snapshot} snapshots={snapshots} onClose={onClose} />
          ))}
        </ul>
      )}
    </div>
  );
}

function NewSnapshot({ make }: { make: (name: string) => Promise<void> }) {
  // A new form is an empty one.
  const [made, setMade] = useState(0);
  return (
    <Form
      key={made}
      label="Make a snapshot"
      busyLabel="Beginning…"
      then="stay"
      buttons="start"
      action={async (read) => {
        await make(read("name"));
        setMade(made + 1);
      }}
    >
      <Field name="name" label="Name" placeholder="Snapshot" maxLength={100} autoFocus />
    </Form>
  );
}
