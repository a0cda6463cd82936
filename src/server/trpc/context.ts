import type { Caller } from "../auth/caller";
import type { Logger } from "../log";
import type { Services } from "../services";

/** What every procedure gets. `caller` is null when nobody is signed in; guarded procedures have it non-null. */
export interface TrpcContext {
  caller: Caller | null;
  services: Services;
  /** Also in the answer's `x-request-id` and in the log. */
  requestId: string;
  /** The peer's address. */
  ip: string;
  log: Logger;
}
