"use client";

import { Check } from "lucide-react";
import { useState } from "react";
import type { ProvisioningStep } from "../../../../../sidecar/src/contract";
import type { Session } from "../../../../server/sessions/session-store";
import { inLine, STEPS } from "../../../_session/session-state";
import { between, duration } from "./_conversation/figures";
import { Elapsed } from "./_conversation/ticking";

/** For people who have never heard of the parts. */
const DOES: Readonly<Record<ProvisioningStep, string>> = {
  image: "looking for the session image",
  volume: "making a disk for its files",
  container: "starting its container",
  sidecar: "waiting for the helper in the container",
  keys: "handing over the keys, sealed",
  agent: "starting the agent",
};

/** How far a session that is being made or resumed has come, and how long each step took of those that were seen here. */
export function CreatingSteps({ session }: { session: Pick<Session, "step" | "queue" | "lastActivityAt"> }) {
  const begins = useStepBegins(session);
  const at = session.step === null ? -1 : STEPS.indexOf(session.step);
  return (
    <section aria-label="Making the session" className="border-b border-line px-4 py-3">
      <div className="mx-auto flex max-w-[760px] flex-wrap items-center gap-x-4 gap-y-1 text-small">
        <p className="flex w-full items-baseline justify-between gap-4">
          <span role="status" className="font-medium">
            {heading(session)}
          </span>
          {session.queue === null && (
            <span className="text-muted">
              <Elapsed since={Object.values(begins)[0] ?? session.lastActivityAt} />
            </span>
          )}
        </p>
        {session.queue && <p className="w-full text-muted">{session.queue.reason.message}</p>}
        <ol className="flex flex-wrap items-center gap-x-3 gap-y-1 text-muted">
          {STEPS.map((step, place) => (
            <li
              key={step}
              aria-current={place === at ? "step" : undefined}
              className={`inline-flex items-center gap-1 ${place === at ? "text-fg" : ""}`}
            >
              {place < at && <Check size={13} aria-label="done" className="text-good" />}
              {place === at && <span aria-hidden className="size-2 animate-beat rounded-full bg-accent" />}
              {place > at && <span aria-hidden className="size-2 rounded-full border border-muted" />}
              {step}
              <span className="text-muted tabular-nums">{place < at ? took(begins, place) : ""}</span>
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

function heading({ step, queue }: Pick<Session, "step" | "queue">): string {
  if (queue) return `Waits to be started: ${inLine(queue)}`;
  return step === null
    ? "Getting ready"
    : `Step ${STEPS.indexOf(step) + 1} of ${STEPS.length}: ${DOES[step]}`;
}

type Begins = Partial<Record<ProvisioningStep, string>>;

/** When each step began, of those that were seen here; each is an activity of the session. */
function useStepBegins({ step, lastActivityAt }: Pick<Session, "step" | "lastActivityAt">): Begins {
  const [begins, setBegins] = useState<Begins>({});
  if (step !== null && begins[step] === undefined) setBegins({ ...begins, [step]: lastActivityAt });
  return begins;
}

function took(begins: Begins, place: number): string {
  const step = STEPS[place];
  const next = STEPS[place + 1];
  const ms = between(step && begins[step], next && begins[next]);
  return ms === null ? "" : duration(ms);
}
