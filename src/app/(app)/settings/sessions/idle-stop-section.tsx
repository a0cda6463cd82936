"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { mayRun } from "../../../../roles";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { idleLimitSentence, idleOptions } from "../../../_session/idle-limits";
import { INSTALLATION_SETTINGS } from "../../../_session/installation-settings";
import { Form } from "../../../_ui/form";
import { Notice } from "../../../_ui/notice";
import { Select } from "../../../_ui/select";
import { Spinner } from "../../../_ui/spinner";
import { toast } from "../../../_ui/toast";
import { useShell } from "../../_shell/shell-context";
import { Section } from "../section";

/** After how long without use sessions are stopped here; owners and admins change it. */
export function IdleStopSection() {
  const { me } = useShell();
  const { data, error } = useQuery(INSTALLATION_SETTINGS);
  return (
    <Section
      title="When nobody uses a session"
      lead="Its container ends and gives back its memory; files and chat are kept. Not while the agent works, a program runs in a terminal, or somebody looks. A minute before, the list of sessions says so."
    >
      {error !== null ? (
        <Notice>{sentenceOf(error)}</Notice>
      ) : data === undefined ? (
        <Spinner label="Loading…" />
      ) : mayRun(me) ? (
        <IdleStopForm key={data.idleStopMinutes} minutes={data.idleStopMinutes} />
      ) : (
        <p>
          {idleLimitSentence(data.idleStopMinutes)} One may have a limit of its own. Owners and admins may
          change this.
        </p>
      )}
    </Section>
  );
}

function IdleStopForm({ minutes }: { minutes: number }) {
  const queries = useQueryClient();
  const [value, setValue] = useState(String(minutes));
  return (
    <div className="max-w-[360px]">
      <Form
        label="Save"
        busyLabel="Saving…"
        then="stay"
        buttons="start"
        action={async () => {
          const saved = await api.settings.set.mutate({ idleStopMinutes: Number(value) });
          queries.setQueryData(INSTALLATION_SETTINGS.queryKey, saved);
          toast(idleLimitSentence(saved.idleStopMinutes));
        }}
      >
        <Select label="Stop sessions" value={value} onChange={setValue} options={idleOptions(minutes)} />
      </Form>
    </div>
  );
}
