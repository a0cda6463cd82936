import type { SidecarErrorBody } from "../../../sidecar/src/protocol";

export type SidecarErrorCode = SidecarErrorBody["code"] | "unreachable" | "bad_answer";

/** The one error of the wire to a sidecar: what it answered, or why it could not be asked. */
export class SidecarError extends Error {
  override readonly name = "SidecarError";
  constructor(
    readonly code: SidecarErrorCode,
    message: string,
    readonly detail: string | null = null,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
