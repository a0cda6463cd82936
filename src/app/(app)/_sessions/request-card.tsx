"use client";

import { useQueryClient } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import Link from "next/link";
import type { Question } from "../../../../sidecar/src/contract";
import type { AgentRequest } from "../../../server/requests/requests";
import { Button } from "../../_ui/button";
import { Notice } from "../../_ui/notice";
import { Time } from "../../_ui/time";
import { PermissionAnswers } from "../sessions/[id]/_conversation/permission-answers";
import { type Respond, respond } from "../sessions/[id]/_conversation/request-answer";
import { shown, withoutReordering } from "../../_ui/shown-text";
import { StrictText } from "../sessions/[id]/_conversation/strict-text";
import { useAnswer } from "../sessions/[id]/_conversation/use-answer";
import { WhatExactly } from "../sessions/[id]/_conversation/what-exactly";

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
          expires <Time at={request.deadline} />
        </span>
      </p>
      <h3 className="mt-1 font-medium [overflow-wrap:anywhere]">
        <StrictText text={request.title} />
      </h3>
      <WhatExactly detail={request.detail} patterns={request.patterns ?? []} />
      {mayAnswer ? <Answers request={request} href={href} /> : <ReadOnly />}
    </article>
  );
}

function ReadOnly() {
  return <p className="mt-2 text-small text-muted">You may read this session and not answer in it.</p>;
}

function Answers({ request, href }: { request: AgentRequest; href: string }) {
  const onRespond = useRespond();
  if (request.kind !== "question") {
    return <PermissionAnswers requestId={request.id} always={request.always ?? []} onRespond={onRespond} />;
  }
  const only = request.questions?.length === 1 ? request.questions[0] : undefined;
  if (only === undefined || only.multiple === true) {
    return (
      <Link
        href={href}
        className="mt-2 inline-flex min-h-8 items-center text-accent underline underline-offset-4"
      >
        Answer in the session
      </Link>
    );
  }
  return <Options requestId={request.id} options={only.options} onRespond={onRespond} />;
}

interface OptionsProps {
  requestId: string;
  options: Question["options"];
  onRespond: Respond;
}

function Options({ requestId, options, onRespond }: OptionsProps) {
  const { sent, error, send } = useAnswer(requestId, onRespond);
  return (
    <>
      <div className="mt-3 flex flex-wrap gap-2" aria-busy={sent !== null}>
        {options.map(({ label, description }) => (
          <Button
            key={label}
            kind="plain"
            title={withoutReordering(description)}
            busy={sent !== null}
            onClick={() => send({ answers: [[label]] })}
          >
            {withoutReordering(label)}
          </Button>
        ))}
      </div>
      {error !== null && <Notice className="mt-2">{error}</Notice>}
    </>
  );
}

/** Answers, and brings lists that poll up to date. */
function useRespond(): Respond {
  const queries = useQueryClient();
  return async (id, answer) => {
    try {
      await respond(id, answer);
    } finally {
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    }
  };
}
