/** The one error of the egress proxy. It is answered to the program in the session that asked. */

export type EgressErrorCode = "malformed" | "refused" | "unreachable" | "busy";

const STATUS: Record<EgressErrorCode, number> = { malformed: 400, refused: 403, unreachable: 502, busy: 503 };

/** `message`: a sentence that says what did not work and what to do; it never tells addresses of the host's networks. */
export class EgressError extends Error {
  override readonly name = "EgressError";
  constructor(
    readonly code: EgressErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  get status(): number {
    return STATUS[this.code];
  }
}
