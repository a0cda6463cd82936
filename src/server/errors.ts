import type { TRPC_ERROR_CODE_KEY } from "@trpc/server";

/** Why a call failed, for programs to switch over. Closed: a new reason is added here. */
export const REASONS = [
  "bad_input",
  "not_signed_in",
  "not_found",
  "not_allowed",
  "throttled",
  "already_claimed",
  "wrong_claim_code",
  "wrong_credentials",
  "weak_password",
  "taken",
  "engine_unreachable",
  "engine_permission",
  "image_missing",
  "other_version",
  "out_of_disk",
  "engine_error",
  "sidecar_unreachable",
  "session_stopped",
  "session_busy",
  "session_limit",
  "snapshot_limit",
  "damaged",
  "already_answered",
  "not_waiting",
  "no_key",
  "unknown_model",
  "bad_endpoint",
  "master_key",
  "budget_spent",
  "too_large",
  "internal",
] as const;
export type Reason = (typeof REASONS)[number];

/**
 * The one error of the server's services. `message`: a full sentence with the next step to take; `detail`: technical.
 * Missing and forbidden are the same error, so that nobody learns what exists: use {@link notFound} for both.
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly detail: string | null;
  constructor(
    readonly code: TRPC_ERROR_CODE_KEY,
    readonly reason: Reason,
    message: string,
    opts: { detail?: string; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, { cause: opts.cause });
    this.detail = opts.detail ?? null;
    this.retryAfterSeconds = opts.retryAfterSeconds ?? null;
  }
  /** For `throttled`: when to try again. */
  readonly retryAfterSeconds: number | null;
}

/** @param what a noun, such as "session" */
export function notFound(what: string): AppError {
  return new AppError("NOT_FOUND", "not_found", `There is no such ${what}, or it is not yours to see.`);
}
