import { initTRPC } from "@trpc/server";
import type { TrpcContext } from "./context";
import { formatError, toTrpcError } from "./error-map";
import { requireAllowed, type PersonPolicy, type Policy } from "./policy";

export type { PersonPolicy, Policy, Scope } from "./policy";

const t = initTRPC
  .context<TrpcContext>()
  .meta<{ policy: Policy }>()
  .create({
    errorFormatter: ({ shape, error, ctx }) => formatError({ shape, error, ctx }),
    // Stacks stay in the log, in development too.
    isDev: false,
    // A network that takes nothing is noticed within ten seconds.
    sse: { ping: { enabled: true, intervalMs: 3_000 }, client: { reconnectAfterInactivityMs: 9_000 } },
  });

/** Outermost, so that it sees what the guard, the input's parsing and the handler throw. */
const translateErrors = t.middleware(async ({ next }) => {
  const result = await next();
  if (!result.ok) throw toTrpcError(result.error);
  return result;
});

function openProcedure(policy: Policy) {
  return t.procedure.meta({ policy }).use(translateErrors);
}

function personProcedure(policy: PersonPolicy) {
  return openProcedure(policy).use(({ ctx, next }) =>
    next({ ctx: { caller: requireAllowed(policy, ctx.caller) } }),
  );
}

/**
 * The only way to make a procedure. The guard runs before the input is parsed; under a person's policy `ctx.caller`
 * is somebody.
 */
export function procedure(policy: PersonPolicy): ReturnType<typeof personProcedure>;
export function procedure(policy: { kind: "open" }): ReturnType<typeof openProcedure>;
export function procedure(policy: Policy) {
  return policy.kind === "open" ? openProcedure(policy) : personProcedure(policy);
}

export const router = t.router;
/** For tests: calls procedures without HTTP. */
export const createCallerFactory = t.createCallerFactory;
