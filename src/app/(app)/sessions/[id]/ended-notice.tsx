"use client";

import { useState } from "react";
import type { Session } from "../../../../server/sessions/session-store";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { Button } from "../../../_ui/button";
import { Notice } from "../../../_ui/notice";
import { Spinner } from "../../../_ui/spinner";

type Act = "resume" | "restart";

/** Of a session that does not run: why, and what can be done. */
export function EndedNotice({ session, canWrite }: { session: Session; canWrite: boolean }) {
  const { busy, error, run } = useAct(session.id);
  if (session.status !== "stopped" && session.status !== "error") return null;
  const isFailed = session.status === "error";
  const code = session.reason?.code ?? "";
  if (code === "restoring" || code === "copying") return <PuttingBack session={session} />;
  const canRun = canWrite && code !== "restore_failed";
  return (
    <div className="mx-auto w-full max-w-[792px] px-4 pb-3">
      <Notice
        tone={isFailed || code === "restore_failed" ? "danger" : "plain"}
        action={
          canRun && (
            <span className="flex flex-wrap gap-2">
              <Button busy={busy === "resume"} busyLabel="Resuming…" onClick={() => run("resume")}>
                Resume
              </Button>
              {isFailed && (
                <Button
                  kind="plain"
                  busy={busy === "restart"}
                  busyLabel="Restarting…"
                  onClick={() => run("restart")}
                >
                  Restart with a new container
                </Button>
              )}
            </span>
          )
        }
      >
        {error ??
          session.reason?.message ??
          (isFailed
            ? "The session failed."
            : "This session is stopped. Its files and its conversation are kept.")}
      </Notice>
    </div>
  );
}

function PuttingBack({ session }: { session: Session }) {
  return (
    <div className="mx-auto w-full max-w-[792px] px-4 pb-3">
      <Spinner label={session.reason?.message ?? ""} />
    </div>
  );
}

function useAct(id: string) {
  const [busy, setBusy] = useState<Act | null>(null);
  const [error, setError] = useState<string | null>(null);
  const act = async (what: Act) => {
    setBusy(what);
    setError(null);
    try {
      await api.sessions[what].mutate({ id });
    } catch (cause) {
      setError(sentenceOf(cause));
    }
    setBusy(null);
  };
  return { busy, error, run: (what: Act) => void act(what) };
}
