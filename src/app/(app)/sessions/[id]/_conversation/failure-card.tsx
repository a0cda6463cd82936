"use client";

import Link from "next/link";
import type { Failure } from "../../../../../../sidecar/src/contract";
import { Button } from "../../../../_ui/button";
import { CopyButton } from "../../../../_ui/copy-button";
import { Notice } from "../../../../_ui/notice";
import { Fold } from "./fold";
import { plainOutput, withoutReordering } from "../../../../_ui/shown-text";

/** Failures whose cure is a key, its account or its address. */
const IN_KEYS: ReadonlySet<string> = new Set([
  "no_key",
  "provider_auth",
  "provider_payment",
  "provider_unreachable",
]);
/** Failures after which the same prompt, or the rest of its answer, may well succeed. */
const GOES_ON: ReadonlySet<string> = new Set([
  "agent_error",
  "output_limit",
  "provider_cut",
  "provider_overloaded",
  "provider_rate_limited",
  "provider_unavailable",
  "provider_unreachable",
]);

interface FailureCardProps {
  failure: Failure;
  /** Of the last turn alone: asks the agent to go on. */
  onContinue?: (() => void) | undefined;
}

export function FailureCard({ failure, onContinue }: FailureCardProps) {
  const goesOn = onContinue !== undefined && GOES_ON.has(failure.code);
  return (
    <Notice
      className="my-3"
      action={
        <>
          {IN_KEYS.has(failure.code) && (
            <Link
              href="/settings/keys"
              className="inline-flex min-h-8 items-center rounded-md border border-line px-3 text-fg hover:bg-hover pointer-coarse:min-h-10"
            >
              Open keys
            </Link>
          )}
          {goesOn && (
            <Button kind="plain" onClick={onContinue}>
              Continue
            </Button>
          )}
        </>
      }
    >
      <p>{withoutReordering(failure.message)}</p>
      {failure.detail !== undefined && failure.detail !== "" && <Detail text={failure.detail} />}
    </Notice>
  );
}

/** What a failure says to those who know, folded. */
export function Detail({ text }: { text: string }) {
  const plain = plainOutput(text);
  return (
    <Fold line={<span className="text-small">Detail</span>}>
      {() => (
        <div className="flex items-start gap-2 text-small">
          <pre
            tabIndex={0}
            className="max-h-60 min-w-0 flex-1 overflow-auto py-1.5 font-mono [overflow-wrap:anywhere] whitespace-pre-wrap text-muted"
          >
            {plain}
          </pre>
          <CopyButton text={plain} what="detail" />
        </div>
      )}
    </Fold>
  );
}
