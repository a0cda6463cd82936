"use client";

import { useSyncExternalStore, type ReactNode } from "react";
import { useSubmit } from "../_client/use-submit";
import { Button } from "./button";
import { Notice } from "./notice";

interface FormProps {
  /** Gets the fields' values by name; what it throws is shown as a sentence. */
  action: (read: (name: string) => string) => Promise<void>;
  label: string;
  /** What the button says while the action runs. */
  busyLabel: string;
  children: ReactNode;
}

/**
 * Fields, a sentence when it fails, one button. Until the page's script runs the button is off, which keeps Enter off
 * too, and the method is POST: a browser that submitted by itself would put a password into the address.
 */
export function Form({ action, label, busyLabel, children }: FormProps) {
  const { error, busy, onSubmit } = useSubmit(action);
  const scriptRuns = useSyncExternalStore(subscribeToNothing, inBrowser, onServer);
  return (
    <form method="post" onSubmit={onSubmit} className="flex flex-col gap-4">
      {children}
      {error !== null && <Notice>{error}</Notice>}
      <Button type="submit" disabled={!scriptRuns} busy={busy} busyLabel={busyLabel}>
        {label}
      </Button>
    </form>
  );
}

const subscribeToNothing = () => () => undefined;
const inBrowser = () => true;
const onServer = () => false;
