"use client";

import Link from "next/link";
import type { ReactNode } from "react";
import { useLiveSession } from "../../../_live/use-live-session";
import { Button } from "../../../_ui/button";
import { EmptyState } from "../../../_ui/empty-state";
import { Notice } from "../../../_ui/notice";
import { Spinner } from "../../../_ui/spinner";
import { SessionView } from "./session-view";

/** A session: what is said, what is done, and what it asks. */
export function SessionPage({ sessionId }: { sessionId: string }) {
  const live = useLiveSession(sessionId);
  const { session, timeline, error, check } = live;
  if (session === null) return <Gone />;
  if (session !== undefined && timeline !== null) {
    return <SessionView {...live} session={session} timeline={timeline} />;
  }
  return (
    <Middle>
      {error === null ? (
        <Spinner label="Opening the session…" />
      ) : (
        <Notice
          action={
            <Button kind="plain" onClick={check}>
              Try again
            </Button>
          }
        >
          {error}
        </Notice>
      )}
    </Middle>
  );
}

/** Deleted here or in another tab, or another person's. */
function Gone() {
  return (
    <Middle>
      <EmptyState
        title="This session is gone"
        action={
          <Link href="/" className="text-accent underline underline-offset-4">
            Back to the sessions
          </Link>
        }
      >
        It was deleted, or it is not shared with you.
      </EmptyState>
    </Middle>
  );
}

function Middle({ children }: { children: ReactNode }) {
  return <main className="flex flex-1 flex-col items-center justify-center p-6">{children}</main>;
}
