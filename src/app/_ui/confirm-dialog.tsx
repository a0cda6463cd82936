"use client";

import { useState, type ReactNode } from "react";
import { sentenceOf } from "../_client/sentence-of";
import { Button } from "./button";
import { Dialog, DialogActions } from "./dialog";
import { Notice } from "./notice";

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** A question that names the thing: *Delete "Fix login"?* */
  title: string;
  /** What goes, one thing a line. */
  goes: readonly string[];
  note?: ReactNode;
  /** The deed: *Delete session*. */
  label: string;
  busyLabel: string;
  /** What it throws is shown as a sentence, and the dialog stays. */
  onConfirm: () => Promise<void>;
}

/** Asks once before something is destroyed, and says what goes. */
export function ConfirmDialog({ open, onOpenChange, title, goes, note, ...act }: ConfirmDialogProps) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title} description={note}>
      <ul className="flex list-disc flex-col gap-1 pl-5">
        {goes.map((line) => (
          <li key={line} className="[overflow-wrap:anywhere]">
            {line}
          </li>
        ))}
      </ul>
      <ConfirmActions {...act} onClose={() => onOpenChange(false)} />
    </Dialog>
  );
}

function ConfirmActions({
  label,
  busyLabel,
  onConfirm,
  onClose,
}: Pick<ConfirmDialogProps, "label" | "busyLabel" | "onConfirm"> & { onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function confirm() {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (cause) {
      setError(sentenceOf(cause));
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      {error !== null && <Notice className="mt-4">{error}</Notice>}
      <DialogActions>
        <Button kind="plain" onClick={onClose}>
          Cancel
        </Button>
        <Button kind="danger" busy={busy} busyLabel={busyLabel} onClick={() => void confirm()}>
          {label}
        </Button>
      </DialogActions>
    </>
  );
}
