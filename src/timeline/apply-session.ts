import type { EventOf, Timeline } from "./state";

export function applySession(
  timeline: Timeline,
  event: EventOf<"session.status" | "session.updated">,
): Timeline {
  if (event.type === "session.updated")
    return { ...timeline, settings: { ...timeline.settings, ...event.data } };
  return { ...timeline, status: event.data };
}
