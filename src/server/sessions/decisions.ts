/** Pure decisions about a session's life: what is known in, what to do out. */
import type { Failure, SessionStatus } from "../../../sidecar/src/contract";
import { DriverError, type InstanceState } from "../../drivers/driver";
import { asDiskFull } from "../db/disk-full";
import type { Replacing } from "../db/schema";
import { AppError } from "../errors";
import { SidecarError } from "../sidecar-client/sidecar-error";
import { otherContract, talksWith } from "./image-decisions";
import { SESSION_LIMITS } from "./limits";

/** Of sessions that have a container, or get one: at once or, of those in line, when their turn comes. */
export const LIVE_STATUSES: SessionStatus[] = ["creating", "active", "idle"];

export function isLive(status: SessionStatus): boolean {
  return LIVE_STATUSES.includes(status);
}

/** Has it a container, or is one being made? One that waits in line has none. */
export function isRunning(row: { status: SessionStatus; queuePlace: number | null }): boolean {
  return isLive(row.status) && row.queuePlace === null;
}

/** At boot, or after events may have been missed: what to do with a session, given its row and its container. */
export type ReconcileDecision =
  { kind: "nothing" } | { kind: "adopt" } | { kind: "provision" } | ({ kind: "end" } & SessionEnd);

/** What a session becomes whose container does not run any more. `stopped`: somebody meant it to end. */
export interface SessionEnd {
  status: "stopped" | "error";
  reason: Failure;
}

/** @param row.contract what its registered container speaks; null when none is registered */
export function reconcileDecision(
  row: { status: SessionStatus; contract: number | null },
  instance: InstanceState,
): ReconcileDecision {
  switch (row.status) {
    case "stopped":
    case "error":
      return { kind: "nothing" };
    case "creating":
      // A half-made instance holds a token that nobody knows any more: a new one is made on the same volumes.
      return { kind: "provision" };
    case "active":
    case "idle":
      if (instance.kind !== "running" || row.contract === null)
        return { kind: "end", ...sessionEnd(instance) };
      return talksWith(row.contract)
        ? { kind: "adopt" }
        : { kind: "end", status: "error", reason: otherContract(row.contract) };
  }
}

/** By a container that should run and does not. @param isKilledByHand somebody sent it a signal through the engine */
export function sessionEnd(instance: InstanceState, isKilledByHand = false): SessionEnd {
  if (wasAskedToEnd(instance))
    return {
      status: "stopped",
      reason: {
        code: "container_stopped",
        message:
          "Docker or the machine was restarted, or somebody stopped the session's container. Resume to go on; files and chat are kept.",
        detail: `exit code ${instance.exitCode}`,
      },
    };
  return { status: "error", reason: failureToRun(instance, isKilledByHand) };
}

/**
 * 0 and 143: the sidecar ends so on SIGTERM alone, which an engine sends to all containers before it ends or, when it was
 * killed, at its next start. 255 is what Docker writes down for a container that ended with it, as by a loss of power.
 */
const ASKED_TO_END: readonly number[] = [0, 143, 255];

function wasAskedToEnd(instance: InstanceState): instance is InstanceState & { kind: "exited" } {
  return instance.kind === "exited" && !instance.outOfMemory && ASKED_TO_END.includes(instance.exitCode);
}

function failureToRun(instance: InstanceState, isKilledByHand: boolean): Failure {
  switch (instance.kind) {
    case "running":
      return {
        code: "unregistered",
        message:
          "The session's container runs but holds no keys of this server. Resume to start a new one; files and chat are kept.",
      };
    case "gone":
      return {
        code: "container_gone",
        message:
          "The session's container was removed from outside. Resume to start a new one; files and chat are kept.",
      };
    case "exited":
      if (instance.outOfMemory) {
        return {
          code: "out_of_memory",
          message: "The session used up its memory and was ended. Resume to go on; files and chat are kept.",
          detail: `exit code ${instance.exitCode}`,
        };
      }
      return {
        code: "container_died",
        message:
          isKilledByHand || instance.exitCode === 137
            ? "The session's container was killed from outside. Resume to go on; files and chat are kept."
            : "The session's container ended by itself. Resume to go on; files and chat are kept.",
        detail: `exit code ${instance.exitCode}`,
      };
  }
}

/** What to do with a session whose agent has nothing to do. */
export type IdleDecision = { kind: "keep" | "wait" | "stop" } | { kind: "warn"; stopInMs: number };

/**
 * Nobody is stopped without a warning of {@link SESSION_LIMITS.idleWarningMs}, also where the limit was lowered meanwhile.
 * @param seen.quietMs nobody has used it for so long, of a clock that only goes forward
 * @param seen.warnedMs since the warning; null: none was given
 * @param limitMinutes 0: never
 */
export function idleDecision(
  seen: { quietMs: number; warnedMs: number | null },
  limitMinutes: number,
): IdleDecision {
  const leftMs = limitMinutes * 60_000 - seen.quietMs;
  if (limitMinutes === 0 || leftMs > SESSION_LIMITS.idleWarningMs) return { kind: "keep" };
  if (seen.warnedMs === null)
    return { kind: "warn", stopInMs: Math.max(leftMs, SESSION_LIMITS.idleWarningMs) };
  const isWarned = seen.warnedMs >= SESSION_LIMITS.idleWarningMs;
  return { kind: isWarned && leftMs <= 0 ? "stop" : "wait" };
}

/** Why a session was stopped that nobody used. */
export function idleReason(limitMinutes: number): Failure {
  const time = limitMinutes === 1 ? "a minute" : `${limitMinutes} minutes`;
  return {
    code: "idle",
    message: `Nobody used this session for ${time}, so it was stopped. Resume to go on; files and chat are kept.`,
  };
}

/**
 * Does a session whose container ended get a new one by itself? Not where a person or the engine meant it to end, nor
 * where the one before ended like that not long ago: it would again.
 */
export function startsAgain(
  instance: InstanceState,
  ended: { isKilledByHand: boolean; wasStartedAgain: boolean },
): boolean {
  if (instance.kind !== "exited" || instance.outOfMemory || wasAskedToEnd(instance)) return false;
  return !ended.isKilledByHand && !ended.wasStartedAgain;
}

/** Said in the log of a session that got a new container by itself. */
export function startedAgain(instance: InstanceState): Failure {
  return {
    code: "container_restarted",
    message:
      "The session's container ended by itself and a new one was started; files and chat are kept. Send the prompt again if its turn was interrupted.",
    ...(instance.kind === "exited" ? { detail: `exit code ${instance.exitCode}` } : {}),
  };
}

/** Does the error say nothing about what was asked for, as nobody answered? */
export function isEngineAway(error: unknown): error is DriverError {
  return (
    error instanceof DriverError &&
    (error.code === "engine_unreachable" || error.code === "engine_permission")
  );
}

/** A failure to start, as the session's reason. */
export function provisioningFailure(error: unknown): Failure {
  if (error instanceof DriverError) return { code: error.code, message: error.message, detail: error.detail };
  const known = error instanceof AppError ? error : asDiskFull(error);
  if (known)
    return { code: known.reason, message: known.message, ...(known.detail ? { detail: known.detail } : {}) };
  if (error instanceof SidecarError) return sidecarFailure(error);
  return {
    code: "internal",
    message: "The session could not be started. Try Resume; the server's log has the cause.",
    detail: error instanceof Error ? error.message : String(error),
  };
}

function sidecarFailure(error: SidecarError): Failure {
  const detail = error.detail ? { detail: error.detail } : {};
  // Its version cannot even be read: nothing that this server knows answers like that.
  if (error.code === "bad_answer")
    return {
      code: "other_version",
      message:
        'The session image does not fit this server. Run "npm run down" and "npm run up", which builds the right one, then resume.',
      ...detail,
    };
  return {
    code: "sidecar_unreachable",
    message: `${error.message} Resume to try again; files and chat are kept.`,
    ...detail,
  };
}

/** @throws AppError `damaged`: nothing may run on half of a session's files */
export function requireWhole(row: { replacing: Replacing | null; reason: Failure | null }): void {
  if (row.replacing === null) return;
  const message =
    row.reason?.message ?? "The session's files are not whole. Restore a snapshot of it, or delete it.";
  throw new AppError("CONFLICT", "damaged", message);
}

/** What a person may do from a status; the sentence is for when they may not. */
export function refusal(
  act: "stop" | "resume" | "prompt" | "answer" | "terminal" | "archive",
  status: SessionStatus,
): AppError | null {
  const stopped = () =>
    new AppError(
      "CONFLICT",
      "session_stopped",
      status === "error"
        ? "The session has failed. Resume it first; files and chat are kept."
        : "The session is stopped. Resume it first.",
    );
  switch (act) {
    case "prompt":
      return status === "stopped" || status === "error" ? stopped() : null;
    case "answer":
      // Whoever asked has ended with the container.
      return status === "stopped" || status === "error"
        ? new AppError(
            "CONFLICT",
            "session_stopped",
            "The session no longer runs, and nobody in it waits for this answer. Resume it and send the prompt again: the agent asks again.",
          )
        : null;
    case "terminal":
      if (status === "creating")
        return new AppError(
          "CONFLICT",
          "session_busy",
          "The session has not started yet. Try again when it has.",
        );
      return status === "stopped" || status === "error" ? stopped() : null;
    case "resume":
      return status === "stopped" || status === "error" || status === "idle"
        ? null
        : new AppError(
            "CONFLICT",
            "session_busy",
            "The session runs already, or is about to: there is nothing to resume.",
          );
    case "archive":
      // Out of sight it would go on, use memory and spend money.
      return status === "stopped" || status === "error"
        ? null
        : new AppError(
            "CONFLICT",
            "session_busy",
            "The session runs, or is about to. Stop it first, then archive it.",
          );
    case "stop":
      return null;
  }
}

/** The title of a session that was given none: the prompt's first words, or the day. */
export function titleFrom(prompt: string | undefined, now: Date): string {
  const firstLine = prompt
    ?.split("\n")
    .map((line) => line.trim())
    .find((line) => line !== "" && line !== "#script");
  if (!firstLine) return `New session, ${now.toISOString().slice(0, 16).replace("T", " ")}`;
  return firstLine.length <= 60 ? firstLine : `${firstLine.slice(0, 57).trimEnd()}…`;
}

/**
 * The title that a session gets by a prompt: none when somebody gave it one, or an earlier prompt did.
 * @param session.createdAt ISO 8601 UTC
 */
export function titleByPrompt(session: { title: string; createdAt: string }, prompt: string): string | null {
  const createdAt = new Date(session.createdAt);
  const untitled = titleFrom(undefined, createdAt);
  const title = titleFrom(prompt, createdAt);
  return session.title === untitled && title !== untitled ? title : null;
}
