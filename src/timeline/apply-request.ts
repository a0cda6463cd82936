import type { EventOf, Timeline } from "./state";
import type { RequestView } from "./view";

export function applyRequest(
  timeline: Timeline,
  event: EventOf<"request.opened" | "request.closed">,
): Timeline {
  if (event.type === "request.opened") {
    const { requestId } = event.data;
    // An agent that lost sight of its events may tell of a request again; the first row stands.
    if (timeline.requests.get(requestId) !== undefined) return timeline;
    return {
      ...timeline,
      requests: timeline.requests.set(requestId, { ...event.data, openedAt: event.at, outcome: null }),
      openRequestIds: [...timeline.openRequestIds, requestId],
    };
  }
  const { requestId, outcome, by, message } = event.data;
  const request = timeline.requests.get(requestId);
  // Opened before this timeline began: nothing of it can be shown.
  if (request === undefined) return timeline;
  // The first outcome stands: what closes a request again knows nothing of the answer.
  if (request.outcome !== null) return timeline;
  const closed: RequestView = {
    ...request,
    outcome,
    ...(by === undefined ? {} : { by }),
    ...(message === undefined ? {} : { message }),
  };
  return {
    ...timeline,
    requests: timeline.requests.set(requestId, closed),
    openRequestIds: timeline.openRequestIds.filter((id) => id !== requestId),
  };
}

/** Requests that wait for an answer, oldest first. */
export function openRequests(timeline: Timeline): RequestView[] {
  return timeline.openRequestIds.flatMap((id) => timeline.requests.get(id) ?? []);
}

/** Requests that messages made and that are over, without what they asked in full: a diff may be long. */
export function answeredRequests(timeline: Timeline, messageIds: ReadonlySet<string>): RequestView[] {
  return [...timeline.requests].flatMap(([, request]) => {
    const isOf = request.messageId !== undefined && messageIds.has(request.messageId);
    return request.outcome !== null && isOf ? { ...request, detail: "" } : [];
  });
}
