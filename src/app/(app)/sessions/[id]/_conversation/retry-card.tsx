"use client";

import type { RetryView } from "../../../../../timeline/view";
import { Notice } from "../../../../_ui/notice";
import { Detail } from "./failure-card";
import { duration } from "./figures";
import { withoutReordering } from "../../../../_ui/shown-text";
import { useNow } from "./ticking";

/** A model call that is made again: when, why, and what can be done but wait. */
export function RetryCard({ retry }: { retry: RetryView }) {
  return (
    <Notice tone="warn" className="my-3">
      <p className="text-small text-muted">
        <Countdown to={retry.nextAt} /> · attempt {retry.attempt}
      </p>
      <p>{withoutReordering(retry.message)}</p>
      {retry.detail !== undefined && retry.detail !== "" && <Detail text={retry.detail} />}
    </Notice>
  );
}

/** Not read out second by second: the sentence beside it names the time. */
function Countdown({ to }: { to: string }) {
  const left = Date.parse(to) - useNow();
  return (
    <span aria-hidden className="tabular-nums">
      {left > 0 ? `Trying again in ${duration(Math.ceil(left / 1000) * 1000)}` : "Trying again now"}
    </span>
  );
}
