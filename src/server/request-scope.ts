/** Which request a piece of work belongs to: its id goes into every line of the log, and on to the sidecar. */
import { AsyncLocalStorage } from "node:async_hooks";

const scope = new AsyncLocalStorage<string | null>();

/** @returns null for work that nobody's request began */
export function currentRequestId(): string | null {
  return scope.getStore() ?? null;
}

/** Runs `work`, and all that it begins, as part of a request; of none with null, for what outlives the one that began it. */
export function inRequest<T>(requestId: string | null, work: () => T): T {
  return scope.run(requestId, work);
}
