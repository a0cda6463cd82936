import { AsyncLocalStorage } from "node:async_hooks";
import { HostError } from "./host-error";

/** What the functions of one call reach the host by, as the client library's server half expects it. */
export interface Call {
  syscall(operation: string, argsJson: string): string;
  asyncSyscall(operation: string, argsJson: string): Promise<string>;
  /** Whether the function is over; what it left running is not served. */
  isOver(): boolean;
}

const calls = new AsyncLocalStorage<Call>();

function current(): Call {
  const call = calls.getStore();
  if (call === undefined)
    throw new HostError("failed", "The database can be used only within a query or mutation.");
  return call;
}

const runtime = {
  syscall: (operation: string, argsJson: string) => {
    const call = current();
    if (call.isOver()) throw new HostError("failed", "The function that this belongs to is over.");
    return call.syscall(operation, argsJson);
  },
  asyncSyscall: async (operation: string, argsJson: string) => {
    const call = current();
    // It never settles: were it to fail, nobody would be there to take the failure, and the process would end.
    if (call.isOver()) return new Promise<never>(() => undefined);
    return call.asyncSyscall(operation, argsJson);
  },
};

/**
 * Functions find their database in the global `Convex`, which is one for the process; it serves each call its own.
 * @throws HostError `unsupported` when another runtime is there
 */
export function installRuntime(): void {
  const present: unknown = Reflect.get(globalThis, "Convex");
  if (present === runtime) return;
  if (present !== undefined)
    throw new HostError("unsupported", "Another Convex runtime is in this process. Run the host in its own.");
  Reflect.set(globalThis, "Convex", runtime);
}

export function runCall<T>(call: Call, run: () => Promise<T>): Promise<T> {
  return calls.run(call, run);
}
