import { ConvexHttpClient } from "convex/browser";
import type { FunctionArgs, FunctionReturnType } from "convex/server";
import { ConvexError } from "convex/values";
import { z } from "zod";
import { api } from "../../../convex/_generated/api";
import type { MirrorTokens } from "./mirror-tokens";

/** What one call carries, over all sessions. */
export type MirrorBatch = FunctionArgs<typeof api.mirror.push>;

export type MirrorEvent = FunctionReturnType<typeof api.mirror.events>[number];

/**
 * `gap`: events are missing before those that were sent. `refused`: the functions ran and would not take it.
 * `unreachable`: everything else; the same again may succeed.
 */
export class MirrorError extends Error {
  override readonly name = "MirrorError";
  constructor(
    readonly code: "gap" | "refused" | "unreachable",
    message: string,
    readonly opts: { cause?: unknown; gap?: { sessionId: string; lastSeq: number } } = {},
  ) {
    super(message, { cause: opts.cause });
  }
}

/** The Convex that browsers subscribe to. @throws MirrorError */
export interface MirrorTarget {
  push(batch: MirrorBatch): Promise<void>;
  /** Lets go of some of a session's events up to this one, the oldest. @returns whether it has none of them any more */
  letGo(sessionId: string, upToSeq: number): Promise<boolean>;
  /** Seq of the last event of a session there; 0 when there is none. */
  position(sessionId: string): Promise<number>;
  /** Some of a session's events there after this seq, in order; none: there are no more. */
  eventsAfter(sessionId: string, afterSeq: number): Promise<MirrorEvent[]>;
  /** Ids of some sessions that are there, after this one. */
  sessionIdsAfter(sessionId: string): Promise<string[]>;
}

const gapData = z.object({ reason: z.literal("gap"), sessionId: z.string(), lastSeq: z.number() });
const refusalData = z.object({ reason: z.literal("not_server") });
/** What Convex answers when a function ran and threw. */
const FUNCTION_FAILED = 560;

/** @param opts.fetch of the embedded host, which needs no socket */
export function createMirrorTarget(opts: {
  url: string;
  tokens: Pick<MirrorTokens, "forServer">;
  fetch: typeof globalThis.fetch;
  timeoutMs: number;
  /** Ends what is on its way. */
  signal?: AbortSignal;
}): MirrorTarget {
  const call = async <T>(act: (client: ConvexHttpClient) => Promise<T>): Promise<T> => {
    let status: number | null = null;
    const client = new ConvexHttpClient(opts.url, {
      skipConvexDeploymentUrlCheck: true,
      logger: false,
      auth: await opts.tokens.forServer(),
      fetch: async (input, init) => {
        const ends = [AbortSignal.timeout(opts.timeoutMs), ...(opts.signal ? [opts.signal] : [])];
        const response = await opts.fetch(input, { ...init, signal: AbortSignal.any(ends) });
        status = response.status;
        return response;
      },
    });
    try {
      return await act(client);
    } catch (error) {
      throw mirrorErrorOf(error, status === 200 || status === FUNCTION_FAILED);
    }
  };
  return {
    push: (batch) =>
      call(async (client) => {
        while ((await client.mutation(api.mirror.push, batch)) === "again");
      }),
    letGo: (sessionId, upToSeq) =>
      call(async (client) => (await client.mutation(api.mirror.letGo, { sessionId, upToSeq })) === "done"),
    position: (sessionId) => call((client) => client.query(api.mirror.position, { sessionId })),
    eventsAfter: (sessionId, afterSeq) =>
      call((client) => client.query(api.mirror.events, { sessionId, afterSeq })),
    sessionIdsAfter: (sessionId) =>
      call((client) => client.query(api.mirror.sessionIds, { after: sessionId })),
  };
}

function mirrorErrorOf(error: unknown, answered: boolean): MirrorError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ConvexError) {
    const data: unknown = error.data;
    const gap = gapData.safeParse(data);
    if (gap.success) return new MirrorError("gap", message, { cause: error, gap: gap.data });
    // Its keys are others': whatever is sent would be refused.
    if (refusalData.safeParse(data).success) return new MirrorError("unreachable", message, { cause: error });
  }
  return new MirrorError(answered ? "refused" : "unreachable", message, { cause: error });
}
