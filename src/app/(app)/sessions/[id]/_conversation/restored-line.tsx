"use client";

import { History } from "lucide-react";
import Link from "next/link";
import type { RestoreView } from "../../../../../timeline/view";
import { withoutReordering } from "../../../../_ui/shown-text";
import { Time } from "../../../../_ui/time";

/** Where the conversation went back to a snapshot, or begins as a copy of another one. */
export function RestoredLine({ restore }: { restore: RestoreView }) {
  const name = withoutReordering(restore.name);
  return (
    <p className="my-6 flex items-center gap-2 border-y border-line py-2 text-small text-muted">
      <History size={14} aria-hidden className="shrink-0" />
      <span className="min-w-0 [overflow-wrap:anywhere]">
        {restore.from === undefined ? (
          <>Back to the snapshot “{name}”: files and the agent’s memory are as they were </>
        ) : (
          <>
            A copy of{" "}
            <Link href={`/sessions/${restore.from.sessionId}`} className="underline hover:text-fg">
              {withoutReordering(restore.from.title)}
            </Link>{" "}
            at its snapshot “{name}”,{" "}
          </>
        )}
        <Time at={restore.madeAt} ago />.
      </span>
    </p>
  );
}
