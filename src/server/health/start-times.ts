import type { ProvisioningStep } from "../../../sidecar/src/contract";
import type { Meters } from "./meters";

/** The times of one start. */
export interface StartTimes {
  /** A step begins, and the one before it has ended. */
  step(name: ProvisioningStep): void;
  ended(outcome: "ready" | "failed"): void;
}

/** @param since when the start was wished for; that and `now` in ms of a clock that only goes forward */
export function createStartTimes(
  meters: Pick<Meters, "startStep" | "startEnded">,
  now: () => number,
  since: number,
): StartTimes {
  let current: { name: ProvisioningStep | "wait"; since: number } = { name: "wait", since };
  return {
    step(name) {
      const at = now();
      meters.startStep(current.name, at - current.since);
      current = { name, since: at };
    },
    ended(outcome) {
      const at = now();
      // A step that failed says nothing about how long it takes.
      if (outcome === "ready") meters.startStep(current.name, at - current.since);
      meters.startEnded(outcome, at - since);
    },
  };
}
