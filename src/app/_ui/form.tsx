"use client";

import { useSyncExternalStore, type ReactNode } from "react";
import { useSubmit } from "../_client/use-submit";
import { Button } from "./button";
import { DIALOG_END } from "./dialog";
import { Notice } from "./notice";

interface FormProps {
  /** Gets the fields' values by name; what it throws is shown as a sentence. */
  action: (read: (name: string) => string) => Promise<void>;
  label: string;
  /** What the button says while the action runs. */
  busyLabel: string;
  /** `leave`: after a success the page goes on to another one, so it stays busy. `stay`: it is ready again. */
  then?: "leave" | "stay";
  /** `column`: a button over the whole width. */
  buttons?: "column" | "start";
  /** Of a dialog's form: the buttons stand at its end, and the first one goes away without doing anything. */
  onCancel?: () => void;
  children: ReactNode;
}

const BUTTONS = {
  column: "flex flex-col",
  start: "flex flex-wrap gap-2",
  end: DIALOG_END,
} as const;

/**
 * Fields, a sentence when it fails, one button; ⌘↵ or Ctrl+↵ sends it from any field. Until the page's script runs the
 * button is off, which keeps Enter off too, and the method is POST: a browser that submitted by itself would put a
 * password into the address.
 */
export function Form({
  action,
  label,
  busyLabel,
  then = "leave",
  buttons = "column",
  onCancel,
  children,
}: FormProps) {
  const { error, busy, onSubmit } = useSubmit(action, { staysBusy: then === "leave" });
  const scriptRuns = useSyncExternalStore(subscribeToNothing, inBrowser, onServer);
  return (
    <form
      method="post"
      onSubmit={onSubmit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) event.currentTarget.requestSubmit();
      }}
      className="flex flex-col gap-4"
    >
      {children}
      {error !== null && <Notice>{error}</Notice>}
      <div className={BUTTONS[onCancel === undefined ? buttons : "end"]}>
        {onCancel !== undefined && (
          <Button kind="plain" onClick={onCancel}>
            Cancel
          </Button>
        )}
        <Button
          type="submit"
          disabled={!scriptRuns}
          busy={busy}
          busyLabel={busyLabel}
          className={onCancel === undefined && buttons === "column" ? "min-h-10" : ""}
        >
          {label}
        </Button>
      </div>
    </form>
  );
}

const subscribeToNothing = () => () => undefined;
const inBrowser = () => true;
const onServer = () => false;
