"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { useLeave } from "../../../_live/use-leave";
import { Button } from "../../../_ui/button";
import { ConfirmDialog } from "../../../_ui/confirm-dialog";
import { Notice } from "../../../_ui/notice";
import { Spinner } from "../../../_ui/spinner";
import { Time } from "../../../_ui/time";
import { toast } from "../../../_ui/toast";
import { Section } from "../section";
import { browserName } from "./browser-name";

const KEY = ["account", "devices"];

/** Where the person is signed in, and the way out of each. */
export function Devices() {
  const [asks, setAsks] = useState(false);
  const leave = useLeave();
  return (
    <Section
      title="Signed-in browsers"
      action={
        <Button kind="plain" onClick={() => setAsks(true)}>
          Sign out everywhere
        </Button>
      }
    >
      <DeviceList />
      <ConfirmDialog
        open={asks}
        onOpenChange={setAsks}
        title="Sign out everywhere?"
        goes={["Every browser in which you are signed in, this one too, asks for the password again."]}
        note="Tokens of scripts go on to work: they are revoked under Tokens."
        label="Sign out everywhere"
        busyLabel="Signing out…"
        onConfirm={() => leave(() => api.account.signOutEverywhere.mutate())}
      />
    </Section>
  );
}

function DeviceList() {
  const queries = useQueryClient();
  const { data, error } = useQuery({ queryKey: KEY, queryFn: () => api.account.devices.list.query() });
  if (error !== null) return <Notice>{sentenceOf(error)}</Notice>;
  if (data === undefined) return <Spinner label="Loading…" />;

  async function revoke(id: string) {
    try {
      await api.account.devices.revoke.mutate({ id });
      toast("That browser is signed out.");
    } catch (cause) {
      toast(sentenceOf(cause));
    }
    await queries.invalidateQueries({ queryKey: KEY });
  }

  return (
    <ul className="divide-y divide-line">
      {data.items.map((device) => (
        <li key={device.id} className="flex min-h-12 items-center gap-3 py-1">
          <div className="min-w-0 flex-1" title={device.userAgent}>
            <p className="truncate">
              {browserName(device.userAgent)}
              {device.current && <span className="text-muted"> · this browser</span>}
            </p>
            <p className="text-small text-muted">
              signed in <Time at={device.createdAt} ago />
            </p>
          </div>
          {!device.current && (
            <Button
              kind="ghost"
              onClick={() => void revoke(device.id)}
              aria-label={`Sign out ${browserName(device.userAgent)}`}
            >
              Sign out
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}
