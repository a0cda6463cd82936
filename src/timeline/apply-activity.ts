import type { EventOf, Timeline } from "./state";

const ERRORS_KEPT = 100;

type ActivityEvent = EventOf<
  "changes.updated" | "todo.updated" | "child.started" | "child.ended" | "retry.scheduled" | "error"
>;

export function applyActivity(timeline: Timeline, event: ActivityEvent): Timeline {
  switch (event.type) {
    case "changes.updated":
      return { ...timeline, changes: event.data.files };
    case "todo.updated": {
      const { todos, childId } = event.data;
      if (childId === undefined) return { ...timeline, todos };
      return { ...timeline, childTodos: timeline.childTodos.set(childId, todos) };
    }
    case "child.started": {
      const others = timeline.children.filter((child) => child.childId !== event.data.childId);
      return { ...timeline, children: [...others, { ...event.data, state: "running" }] };
    }
    case "child.ended":
      return {
        ...timeline,
        children: timeline.children.map((child) =>
          child.childId === event.data.childId ? { ...child, state: "ended" } : child,
        ),
      };
    case "retry.scheduled":
      return { ...timeline, retry: event.data };
    case "error": {
      const error = { ...event.data, seq: event.seq, at: event.at };
      return { ...timeline, errors: [...timeline.errors.slice(1 - ERRORS_KEPT), error] };
    }
  }
}
