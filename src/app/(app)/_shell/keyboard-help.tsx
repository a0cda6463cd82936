"use client";

import { Fragment } from "react";
import { Dialog } from "../../_ui/dialog";
import { Kbd } from "../../_ui/kbd";

const KEYS: readonly { heading: string; rows: readonly [keys: readonly string[], does: string][] }[] = [
  {
    heading: "Everywhere",
    rows: [
      [["N"], "New session"],
      [["/"], "Search; also ⌘ K or Ctrl K"],
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
      [["R"], "Reject it; also N"],
      [["⌃", "`"], "Show or hide the terminal"],
      [["Esc", "Esc"], "Stop the agent"],
    ],
  },
  { heading: "In a form", rows: [[["Ctrl", "↵"], "Send it; on a Mac ⌘ ↵"]] },
];

export function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Keyboard"
      description="Single letters work wherever you are not typing."
    >
      {KEYS.map(({ heading, rows }) => (
        <section key={heading} className="mb-4 last:mb-5">
          <h3 className="mb-1 font-medium">{heading}</h3>
          <dl className="grid grid-cols-[88px_1fr] gap-y-1">
            {rows.map(([keys, does]) => (
              <Fragment key={does}>
                <dt className="flex items-start gap-1">
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
