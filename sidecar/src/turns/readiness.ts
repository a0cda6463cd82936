import type { Failure } from "../contract";
import { SidecarError } from "../errors";
import type { Spool } from "../events/spool";
import type { RunningAgent } from "./running-agent";

/** @throws SidecarError `not_ready` when no turn can begin now: its events find no room, or opencode does not run. */
export function assertReady(
  spool: Pick<Spool, "isLeft" | "problem">,
  agent: Pick<RunningAgent, "client" | "reason">,
): void {
  if (spool.isLeft)
    throw new SidecarError("not_ready", "Earlier events must be taken first: try again soon.");
  if (spool.problem) {
    const sentence = "Events cannot be stored: free disk space on the server.";
    throw new SidecarError("not_ready", sentence, spool.problem);
  }
  if (agent.client()) return;
  const reason = agent.reason();
  const sentence = reason?.message ?? "The agent is not ready yet: try again in a moment.";
  throw new SidecarError("not_ready", sentence, reason?.detail);
}

/** Why a turn is ended whose events find no room any more. */
export function overfullFailure({ problem: detail, isLeft }: Pick<Spool, "isLeft" | "problem">): Failure {
  const message = isLeft
    ? "The server was away for so long that no more could be kept of this turn: send the prompt again to go on."
    : "Events cannot be stored: free disk space on the server, then send the prompt again.";
  return { code: "spool", message, ...(detail ? { detail } : {}) };
}
