import { AppError, notFound } from "../errors";
import { SidecarError } from "./sidecar-error";

/**
 * A sidecar's answer as the API's error. @param what a noun for what may be missing there, such as "terminal"
 * @throws AppError for every SidecarError; anything else as it is
 */
export async function asked<T>(call: Promise<T>, what: string): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    if (error.code === "not_found") throw notFound(what);
    const opts = { cause: error, ...(error.detail ? { detail: error.detail } : {}) };
    if (error.code === "bad_request" || error.code === "busy") {
      throw new AppError("CONFLICT", "session_busy", error.message, opts);
    }
    throw new AppError(
      "INTERNAL_SERVER_ERROR",
      "sidecar_unreachable",
      "The session's container does not answer. Try again; if it stays so, restart the session.",
      opts,
    );
  }
}
