"use client";

import { Fragment } from "react";
import { Dialog } from "../../_ui/dialog";
import { Kbd } from "../../_ui/kbd";

const KEYS: readonly { heading: string; rows: readonly [keys: readonly string[], does: string][] }[] = [
  {
    heading: "Everywhere",
    rows: [
      [["N"], "New session"],
      [["/"], "Search sessions and commands; ⌘K or Ctrl K too"],
      [["J"], "Next session"],
      [["K"], "Previous session"],
      [["G", "I"], "Inbox: what waits for an answer"],
      [["?"], "This list"],
    ],
  },
  {
    heading: "In a session",
    rows: [
      [["Y"], "Allow what the agent asks, once"],
      [["A"], "Allow it always"],
      [["R"], "Reject it; N too"],
      [["⌃", "`"], "Show or hide the terminal"],
      [["Esc", "Esc"], "Stop the agent"],
    ],
  },
  { heading: "In a form", rows: [[["⌘", "↵"], "Send it; Ctrl ↵ elsewhere"]] },
];

export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onOpenChange={onClose} title="Keyboard" description="No key does anything while you type.">
      {KEYS.map(({ heading, rows }) => (
        <section key={heading} className="mb-4 last:mb-0">
          <h3 className="mb-1 font-medium">{heading}</h3>
          <dl className="grid grid-cols-[88px_1fr] gap-y-1">
            {rows.map(([keys, does]) => (
              <Fragment key={does}>
                <dt className="flex gap-1">
                  {keys.map((key, index) => (
                    <Kbd key={`${key}${index}`}>{key}</Kbd>
                  ))}
                </dt>
                <dd className="text-muted">{does}</dd>
              </Fragment>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  );
}
