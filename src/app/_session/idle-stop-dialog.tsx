"use client";

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { SessionSummary } from "../_live/use-lists";
import { Dialog } from "../_ui/dialog";
import { Form } from "../_ui/form";
import { Select } from "../_ui/select";
import { idleLimitText, idleOptions } from "./idle-limits";
import { INSTALLATION_SETTINGS } from "./installation-settings";
import { useSessionActions } from "./use-session-actions";

interface IdleStopDialogProps {
  session: Pick<SessionSummary, "id" | "title" | "idleStopMinutes">;
  open: boolean;
  onClose: () => void;
}

/** After how long without use this session is stopped. */
export function IdleStopDialog({ session, open, onClose }: IdleStopDialogProps) {
  return (
    <Dialog
      open={open}
      onOpenChange={onClose}
      title="Stop when nobody uses it"
      description="Not while the agent works, a program runs in a terminal, or somebody looks. Files and chat are kept."
    >
      <IdleStopForm session={session} onClose={onClose} />
    </Dialog>
  );
}

const INSTALLATIONS = "installation";

function IdleStopForm({ session, onClose }: Omit<IdleStopDialogProps, "open">) {
  const { setIdleStop } = useSessionActions();
  const { data: settings } = useQuery(INSTALLATION_SETTINGS);
  const own = session.idleStopMinutes;
  const [value, setValue] = useState(own === null ? INSTALLATIONS : String(own));
  const usual = settings === undefined ? "" : `: ${idleLimitText(settings.idleStopMinutes)}`;
  return (
    <Form
      label="Save"
      busyLabel="Saving…"
      onCancel={onClose}
      action={async () => {
        await setIdleStop(session, value === INSTALLATIONS ? null : Number(value));
        onClose();
      }}
    >
      <Select
        label="Stop this session"
        value={value}
        onChange={setValue}
        options={[{ value: INSTALLATIONS, label: `As everywhere here${usual}` }, ...idleOptions(own ?? 0)]}
      />
    </Form>
  );
}
