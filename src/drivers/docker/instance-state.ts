/** The engine's inspect JSON → our state. Pure; tested with recorded answers in testdata/. */
import { z } from "zod";
import type { InstanceState } from "../driver";

const inspected = z.object({
  Created: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    OOMKilled: z.boolean(),
    ExitCode: z.number().int(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
  }),
});

/** What the engine writes for "never". */
const NEVER = "0001-01-01T00:00:00Z";

/**
 * @param json an answer of `GET /containers/{id}/json`
 * @returns `running` also while paused, as its processes exist; `exited` for every other state, a container that was
 *   created and never ran included (then `finishedAt` is the time of its creation). Times are ISO 8601 UTC.
 * @throws ZodError when it is no such answer
 */
export function instanceState(json: unknown): InstanceState {
  const { Created, State } = inspected.parse(json);
  if (State.Running) return { kind: "running", startedAt: State.StartedAt };
  return {
    kind: "exited",
    exitCode: State.ExitCode,
    outOfMemory: State.OOMKilled,
    finishedAt: State.FinishedAt === NEVER ? Created : State.FinishedAt,
  };
}
