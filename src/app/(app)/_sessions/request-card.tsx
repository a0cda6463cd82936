"use client";

import { useQueryClient } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import type { AgentRequest } from "../../../server/requests/requests";
import { api } from "../../_client/api";
import { sentenceOf } from "../../_client/sentence-of";
import { Button } from "../../_ui/button";
import { Notice } from "../../_ui/notice";
import { Time } from "../../_ui/time";
import { shown, withoutReordering } from "../sessions/[id]/_conversation/shown-text";
import { StrictText } from "../sessions/[id]/_conversation/strict-text";

interface RequestCardProps {
  request: AgentRequest;
  sessionTitle: string;
  mayAnswer: boolean;
}

/** What an agent asks. A question with several parts or free text is answered in its session, where there is room. */
export function RequestCard({ request, sessionTitle, mayAnswer }: RequestCardProps) {
  const href = `/sessions/${request.sessionId}`;
  return (
    <article className="rounded-lg border border-line p-3" aria-label={shown(request.title)}>
      <p className="flex min-w-0 items-center gap-2 text-small text-muted">
        <TriangleAlert size={14} aria-hidden className="shrink-0 text-warn" />
        <Link
          href={href}
          prefetch={false}
          className="min-w-0 truncate hover:underline"
          title={withoutReordering(sessionTitle)}
        >
          <bdi>{withoutReordering(sessionTitle)}</bdi>
        </Link>
        <span className="ml-auto whitespace-nowrap" title="Unanswered, it is rejected then">
          until <Time at={request.deadline} />
        </span>
      </p>
      <h3 className="mt-1 font-medium [overflow-wrap:anywhere]">
        <StrictText text={request.title} />
      </h3>
      {request.detail !== "" && request.detail !== request.title && (
        <pre className="mt-1 max-h-32 overflow-y-auto font-mono text-small break-all whitespace-pre-wrap text-muted">
          <StrictText text={request.detail} />
        </pre>
      )}
      {mayAnswer ? <Answers request={request} href={href} /> : <ReadOnly />}
    </article>
  );
}

function ReadOnly() {
  return <p className="mt-2 text-small text-muted">You may read this session and not answer in it.</p>;
}

function Answers({ request, href }: { request: AgentRequest; href: string }) {
  const { error, busy, respond } = useRespond(request.id);
  const only = request.questions?.length === 1 ? request.questions[0] : undefined;
  if (request.kind === "question" && (only === undefined || only.multiple === true)) {
    return (
      <Link
        href={href}
        className="mt-2 inline-flex min-h-8 items-center text-accent underline underline-offset-4"
      >
        Answer in the session
      </Link>
    );
  }
  return (
    <>
      <div className="mt-3 flex flex-wrap gap-2" aria-busy={busy}>
        {only ? (
          only.options.map(({ label, description }) => (
            <Button
              key={label}
              kind="plain"
              title={description}
              busy={busy}
              onClick={() => void respond({ answers: [[label]] })}
            >
              {label}
            </Button>
          ))
        ) : (
          <>
            <Button busy={busy} onClick={() => void respond({ reply: "once" })}>
              Allow once
            </Button>
            <Button kind="plain" busy={busy} onClick={() => void respond({ reply: "always" })}>
              Always
            </Button>
            <Button kind="ghost" busy={busy} onClick={() => void respond({ reply: "reject" })}>
              Reject
            </Button>
          </>
        )}
      </div>
      {error !== null && <Notice className="mt-2">{error}</Notice>}
    </>
  );
}

type Answer = { reply: "once" | "always" | "reject" } | { answers: string[][] };

function useRespond(id: string) {
  const queries = useQueryClient();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  async function respond(answer: Answer) {
    setBusy(true);
    setError(null);
    try {
      await api.requests.respond.mutate({ id, ...answer });
    } catch (cause) {
      setError(sentenceOf(cause));
    } finally {
      setBusy(false);
      void queries.invalidateQueries({ queryKey: ["requests"] });
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    }
  }
  return { error, busy, respond };
}
