"use client";

import { TriangleAlert } from "lucide-react";
import type { RequestView, ToolView } from "../../../../../timeline/view";
import { PermissionAnswers } from "./permission-answers";
import type { Respond } from "./request-answer";
import { StrictText } from "./strict-text";
import { input } from "./tool-summary";
import { WhatExactly } from "./what-exactly";

interface PermissionRequestProps {
  request: RequestView;
  /** The tool that waits, when it is at hand. */
  tool: ToolView | null;
  /** The sub-agent that asks. */
  childTitle: string | null;
  readOnly: boolean;
  onRespond: Respond;
}

/** May the agent do this? Everything that it would do is in sight, and so is what "always" would allow. */
export function PermissionRequest({
  request,
  tool,
  childTitle,
  readOnly,
  onRespond,
}: PermissionRequestProps) {
  return (
    <section aria-label="Permission required" className="rounded-lg border border-field-line bg-bg p-4">
      <Question request={request} tool={tool} childTitle={childTitle} />
      {readOnly ? (
        <p className="mt-3 text-small text-muted">Only those who steer this session can answer.</p>
      ) : (
        <PermissionAnswers
          requestId={request.requestId}
          always={request.always ?? []}
          hasKeys
          onRespond={onRespond}
        />
      )}
    </section>
  );
}

function Question({
  request,
  tool,
  childTitle,
}: Pick<PermissionRequestProps, "request" | "tool" | "childTitle">) {
  const why = tool === null ? "" : input(tool, "description");
  const isCommand = /^Run `/.test(request.title);
  return (
    <div className="flex items-start gap-3">
      <TriangleAlert size={18} aria-hidden className="mt-0.5 shrink-0 text-warn" />
      <div className="min-w-0 flex-1">
        <h2 className="font-medium [overflow-wrap:anywhere]">
          {isCommand ? "Run this command?" : <StrictText text={request.title} />}
        </h2>
        {(why !== "" || childTitle !== null) && (
          <p className="text-small [overflow-wrap:anywhere] text-muted">
            {childTitle !== null && (
              <>
                asked by <StrictText text={childTitle} />
                {why !== "" && " · "}
              </>
            )}
            {why !== "" && (
              <>
                the agent says: <StrictText text={why} />
              </>
            )}
          </p>
        )}
        <WhatExactly detail={request.detail} patterns={request.patterns ?? []} />
      </div>
    </div>
  );
}
