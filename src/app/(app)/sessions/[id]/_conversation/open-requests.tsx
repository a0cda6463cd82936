"use client";

import { useMemo } from "react";
import { messageOf } from "../../../../../timeline/messages";
import type { Timeline } from "../../../../../timeline/timeline";
import type { RequestView, ToolView } from "../../../../../timeline/view";
import { PermissionRequest } from "./permission-request";
import { QuestionRequest } from "./question-request";
import type { Respond } from "./request-answer";

interface OpenRequestsProps {
  timeline: Timeline;
  readOnly: boolean;
  onRespond: Respond;
}

/** The oldest request that waits; the others say that they do. */
export function OpenRequests({ timeline, readOnly, onRespond }: OpenRequestsProps) {
  const [first] = timeline.openRequestIds;
  const request = first === undefined ? undefined : timeline.requests.get(first);
  const childTitle = useMemo(
    () => timeline.children.find((child) => child.childId === request?.childId)?.title ?? null,
    [timeline.children, request?.childId],
  );
  if (request === undefined) return null;
  const more = timeline.openRequestIds.length - 1;
  const rest = { request, readOnly, onRespond };
  return (
    <div data-request={request.requestId}>
      {request.kind === "question" ? (
        <QuestionRequest key={request.requestId} {...rest} />
      ) : (
        <PermissionRequest
          key={request.requestId}
          {...rest}
          tool={toolOf(timeline, request)}
          childTitle={childTitle}
        />
      )}
      {more > 0 && (
        <p className="mt-1 text-right text-[12px] text-muted">
          {more === 1 ? "another request waits" : `${more} more requests wait`} behind this one
        </p>
      )}
    </div>
  );
}

function toolOf(timeline: Timeline, request: RequestView): ToolView | null {
  if (request.messageId === undefined) return null;
  const message = messageOf(timeline, request.messageId);
  return message?.parts.find((part) => part.id === request.partId)?.tool ?? null;
}
