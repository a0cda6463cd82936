import type { SidecarErrorBody } from "./protocol";

export type SidecarErrorCode = SidecarErrorBody["code"];

const STATUS = {
  unauthorized: 401,
  bad_request: 400,
  not_found: 404,
  busy: 409,
  not_ready: 503,
  already_registered: 409,
  agent_failed: 502,
  /** opencode gave no answer: whether it does what it was asked is not known. */
  agent_silent: 504,
  internal: 500,
} as const satisfies Record<SidecarErrorCode, number>;

/** The one error of the sidecar's HTTP boundary. `message`: a sentence with the next step; `detail`: technical. */
export class SidecarError extends Error {
  override readonly name = "SidecarError";
  constructor(
    readonly code: SidecarErrorCode,
    message: string,
    readonly detail?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  get status(): (typeof STATUS)[SidecarErrorCode] {
    return STATUS[this.code];
  }

  body(): SidecarErrorBody {
    return {
      code: this.code,
      message: this.message,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
    };
  }
}
