import { AsyncLocalStorage } from "node:async_hooks";

const scope = new AsyncLocalStorage<string | null>();

/** Of the request that led to what runs now; null for what nobody's request began. */
export function currentRequestId(): string | null {
  return scope.getStore() ?? null;
}

/** Runs `work`, and all that it begins, as part of the request of this id. */
export function inRequest<T>(id: string | null, work: () => T): T {
  return scope.run(id, work);
}
