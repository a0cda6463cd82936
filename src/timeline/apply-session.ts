import type { EventOf, Timeline } from "./state";

export function applySession(
  timeline: Timeline,
  event: EventOf<"session.status" | "session.updated" | "session.restored">,
): Timeline {
  switch (event.type) {
    case "session.updated":
      return { ...timeline, settings: { ...timeline.settings, ...event.data } };
    case "session.status":
      return { ...timeline, status: event.data };
    case "session.restored": {
      const { seq: afterSeq, ...restored } = event.data;
      return { ...timeline, restores: [...timeline.restores, { ...restored, afterSeq, seq: event.seq }] };
    }
  }
}
