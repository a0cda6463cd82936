import { randomBytes } from "node:crypto";
import type { JSONValue } from "convex/values";
import { z } from "zod";
import { runCall } from "./call";
import type { Functions, HostedFunction } from "./functions";
import { failed, HostError } from "./host-error";
import type { Identity } from "./identity";
import { LIMITS } from "./limits";
import type { Schema } from "./schema";
import type { Store } from "./store";
import { createCall } from "./syscalls";
import { createTransaction, type ChangedKey, type Read, type Transaction } from "./transaction";
import { decodeValue, isObject, parseJson } from "./values";

/** What a caller gets. `fingerprint` is the same for the same failure, whose message names each request anew. */
export type Outcome =
  | { ok: true; json: string }
  | { ok: false; message: string; data: JSONValue | undefined; fingerprint: string };

export interface Request {
  path: string;
  /** A list of one object, as the wire has it. */
  args: JSONValue;
  identity: Identity | null;
}

export interface Executed {
  outcome: Outcome;
  reads: readonly Read[];
  hasReadAuth: boolean;
  changedKeys: readonly ChangedKey[];
}

export interface HostLog {
  warn(o: object, m: string): void;
  error(o: object, m: string): void;
  debug(o: object, m: string): void;
}

/** Shared by a function and those that it runs. */
interface Run {
  identity: Identity | null;
  transaction: Transaction;
  clock: UserClock;
  hasReadAuth: boolean;
  /** Whether the function was reached: what fails before that was wrong with the request. */
  hasBegun: boolean;
  isOver: boolean;
}

interface Invocation {
  kind: HostedFunction["kind"];
  path: string;
  args: JSONValue;
  isNested: boolean;
}

export type Execute = ReturnType<typeof createExecute>;

/**
 * Runs public functions, each to its end before the next: the caller sees to that. A mutation that fails leaves nothing.
 * What a function leaves running when it is over reaches the database no more.
 */
export function createExecute(deps: { schema: Schema; store: Store; functions: Functions; log: HostLog }) {
  const { schema, store, functions, log } = deps;
  let lastCreationTime = 0;
  const nextCreationTime = () => {
    const now = Date.now();
    // Later than all before it, also within one millisecond.
    lastCreationTime = now > lastCreationTime ? now : lastCreationTime + 0.001;
    return lastCreationTime;
  };

  async function invoke(run: Run, { kind, path, args, isNested }: Invocation): Promise<string> {
    const hosted = functions.find(path, { kind, internalToo: isNested });
    const argsJson = checkArgs(hosted, args);
    run.hasBegun = true;
    let isOver = false;
    const call = createCall({
      schema,
      store,
      transaction: run.transaction,
      identity: run.identity,
      onAuthRead: () => (run.hasReadAuth = true),
      runNested: (nested) => {
        if (kind === "query" && nested.kind === "mutation") throw failed("A query cannot run a mutation.");
        return invokeNested(run, { ...nested, args: [nested.args], isNested: true });
      },
      onSyscall: run.clock.spentOnDatabase,
      isOver: () => isOver || run.isOver,
    });
    try {
      return checkResult(hosted, await runCall(call, () => hosted.invoke(argsJson)));
    } finally {
      isOver = true;
    }
  }

  /** A nested mutation that fails takes its own writes with it. */
  async function invokeNested(run: Run, invocation: Invocation): Promise<string> {
    const savepoint = run.transaction.savepoint();
    try {
      return await invoke(run, invocation);
    } catch (error) {
      if (!run.isOver) run.transaction.rollBackTo(savepoint);
      throw crossing(error);
    }
  }

  return async function execute(kind: HostedFunction["kind"], request: Request): Promise<Executed> {
    const isReadOnly = kind === "query";
    const transaction = createTransaction({ schema, store, nextCreationTime, isReadOnly });
    const run: Run = {
      identity: request.identity,
      transaction,
      clock: createUserClock(),
      hasReadAuth: false,
      hasBegun: false,
      isOver: false,
    };
    let outcome: Outcome;
    try {
      outcome = { ok: true, json: await withinTime(invoke(run, { ...request, kind, isNested: false })) };
    } catch (error) {
      transaction.rollBackTo(0);
      outcome = outcomeOf(error, {
        path: request.path,
        log,
        isAnybodys: !run.hasBegun && request.identity === null,
      });
    } finally {
      run.isOver = true;
    }
    return {
      outcome,
      reads: transaction.reads,
      hasReadAuth: run.hasReadAuth,
      changedKeys: transaction.changedKeys(),
    };
  };
}

function checkArgs(hosted: HostedFunction, args: JSONValue): string {
  const value = decodeValue(args, { maxDepth: LIMITS.valueDepth, maxBytes: LIMITS.argsBytes });
  const [given, ...others] = Array.isArray(value) ? value : [undefined];
  if (!isObject(given) || others.length > 0)
    throw failed("ArgumentValidationError: arguments must be one object.");
  const wrong = hosted.checkArgs(given);
  if (wrong !== null) throw failed(`ArgumentValidationError: ${wrong}.`);
  return JSON.stringify(args);
}

function checkResult(hosted: HostedFunction, json: string): string {
  const limits = { maxDepth: LIMITS.valueDepth, maxBytes: LIMITS.resultBytes };
  const wrong = hosted.checkResult(decodeValue(parseJson(json), limits));
  if (wrong !== null) throw failed(`ReturnsValidationError: ${wrong}.`);
  return json;
}

/** By the time it gets here the library has put a ConvexError's data into JSON. */
const convexError = z.object({ message: z.string(), data: z.string() });

function convexErrorData(error: unknown): JSONValue | undefined {
  if (typeof error !== "object" || error === null || !(Symbol.for("ConvexError") in error)) return undefined;
  return parseJson(convexError.parse(error).data);
}

/** An error on its way from one function to the one that called it, which may catch it. */
function crossing(error: unknown): unknown {
  const data = convexErrorData(error);
  return data === undefined ? error : new HostError("failed", "Uncaught ConvexError", { data, cause: error });
}

function outcomeOf(
  error: unknown,
  { path, log, isAnybodys }: { path: string; log: HostLog; isAnybodys: boolean },
): Outcome {
  const requestId = randomBytes(8).toString("hex");
  const message = `[Request ID: ${requestId}] Server Error`;
  const data = convexErrorData(error);
  if (data !== undefined) {
    log.debug({ path, requestId, data }, "function refused");
    return { ok: false, message, data, fingerprint: JSON.stringify(data) };
  }
  if (error instanceof HostError && error.code === "refused")
    return { ok: false, message: error.message, data, fingerprint: error.message };
  // Who is not signed in may send nonsense as often as they like: it does not fill the log.
  if (isAnybodys) log.debug({ path, requestId, err: error }, "function not run");
  else log.error({ path, requestId, err: error }, "function failed");
  return { ok: false, message, data, fingerprint: String(error) };
}

interface UserClock {
  spentOnDatabase(ms: number): void;
}

/**
 * A function's own time. What the machine gave to others does not count, so both the wall's clock and the processor's must
 * have passed the limit.
 */
function createUserClock(): UserClock {
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  let databaseMs = 0;
  return {
    spentOnDatabase(ms) {
      databaseMs += ms;
      if (performance.now() - startedAt - databaseMs < LIMITS.userTimeMs) return;
      const { user, system } = process.cpuUsage(cpu);
      if ((user + system) / 1000 - databaseMs > LIMITS.userTimeMs)
        throw failed(`The function took longer than ${LIMITS.userTimeMs} ms.`);
    },
  };
}

/** @throws HostError when a function waits for what never comes */
async function withinTime<T>(running: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(failed(`The function was not done within ${LIMITS.waitMs} ms.`)),
      LIMITS.waitMs,
    );
  });
  try {
    return await Promise.race([running, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
