"use client";

import { Circle, CircleCheck, CircleDot, CircleX, type LucideIcon } from "lucide-react";
import type { TodoView } from "../../../../../timeline/view";
import { Fold } from "./fold";
import { withoutReordering } from "../../../../_ui/shown-text";

const MARKS: Readonly<Record<string, { icon: LucideIcon; word: string; look: string }>> = {
  pending: { icon: Circle, word: "to do", look: "text-muted" },
  in_progress: { icon: CircleDot, word: "now", look: "text-accent" },
  completed: { icon: CircleCheck, word: "done", look: "text-good" },
  cancelled: { icon: CircleX, word: "dropped", look: "text-muted" },
};
const UNKNOWN = { icon: Circle, word: "to do", look: "text-muted" };

function markOf(status: string) {
  return (Object.hasOwn(MARKS, status) ? MARKS[status] : undefined) ?? UNKNOWN;
}

export function TodoList({ todos }: { todos: readonly TodoView[] }) {
  return (
    <ul className="text-[13px]">
      {todos.map((todo, index) => {
        const { icon: Icon, word, look } = markOf(todo.status);
        const over = todo.status === "completed" || todo.status === "cancelled";
        return (
          <li key={index} className="flex items-start gap-2 py-0.5">
            <Icon size={14} aria-hidden className={`mt-[3px] shrink-0 ${look}`} />
            <span className="sr-only">{word}: </span>
            <span dir="auto" className={`min-w-0 [overflow-wrap:anywhere] ${over ? "text-muted" : ""}`}>
              {withoutReordering(todo.content)}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** The plan while a turn runs, in a line: how far it is and what is being done. */
export function TodoPanel({ todos }: { todos: readonly TodoView[] }) {
  const done = todos.filter((todo) => todo.status === "completed").length;
  const now =
    todos.find((todo) => todo.status === "in_progress") ?? todos.find((todo) => todo.status === "pending");
  return (
    <div className="rounded-md border border-line bg-bg px-2">
      <Fold
        line={
          <span className="flex min-w-0 flex-1 items-baseline gap-2 text-[13px]">
            <span className="shrink-0 tabular-nums">
              Plan {done}/{todos.length}
            </span>
            {now && (
              <span dir="auto" className="min-w-0 truncate text-fg">
                {withoutReordering(now.content)}
              </span>
            )}
          </span>
        }
      >
        {() => (
          <div className="max-h-[30vh] overflow-auto pb-2 pl-[22px]">
            <TodoList todos={todos} />
          </div>
        )}
      </Fold>
    </div>
  );
}
