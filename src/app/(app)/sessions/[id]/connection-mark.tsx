"use client";

import type { ConnectionState } from "../../../_live/connection-state";
import { useConnection } from "../../../_live/use-connection";
import { StatusDot, type Tone } from "../../../_ui/status-dot";
import { Elapsed } from "./_conversation/ticking";

const TONE: Record<ConnectionState["state"], Tone> = {
  live: "good",
  reconnecting: "attention",
  behind: "attention",
  offline: "failed",
};

const MEANS: Record<ConnectionState["state"], string> = {
  live: "What happens is shown as it happens.",
  reconnecting: "The live connection is down at the moment. It is tried again by itself.",
  behind: "More has happened than is shown. It comes by itself, in order.",
  offline: "This browser has no network. What runs goes on; the page catches up.",
};

/** How fresh the page is. @param onlyTrouble nothing is shown while it is live */
export function ConnectionMark({ onlyTrouble = false }: { onlyTrouble?: boolean }) {
  const { state, sinceMs } = useConnection();
  return (
    <span
      role="status"
      title={state === "live" && onlyTrouble ? undefined : MEANS[state]}
      className="inline-flex items-center gap-1.5 text-small"
    >
      {(state !== "live" || !onlyTrouble) && <StatusDot tone={TONE[state]} word={state} />}
      {state !== "live" && <Elapsed since={new Date(sinceMs).toISOString()} />}
    </span>
  );
}
