import type { JSONValue } from "convex/values";
import { z } from "zod";
import type { Outcome } from "./execute";
import { SOCKET_LIMITS } from "./limits";
import { jsonSchema } from "./values";

/** The sync protocol of npm `convex` 1.48.0 (src/browser/sync/protocol.ts), as far as clients that only query use it. */

const version = z.number().int().nonnegative();
const args = z
  .array(jsonSchema)
  .max(1)
  .refine((list) => JSON.stringify(list).length <= SOCKET_LIMITS.queryArgsBytes, "arguments are too large");
const request = { udfPath: z.string().max(512), args, componentPath: z.string().optional() };

/** 64 bits, little-endian, in base64. */
const timestamp = z.string().regex(/^[A-Za-z0-9+/]{11}=$/);

export const clientMessage = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("Connect"),
    sessionId: z.string().max(128),
    connectionCount: z.number(),
    maxObservedTimestamp: timestamp.optional(),
    clientTs: z.number().optional(),
  }),
  z.object({
    type: z.literal("Authenticate"),
    tokenType: z.enum(["User", "Admin", "None"]),
    value: z.string().optional(),
    baseVersion: version,
  }),
  z.object({
    type: z.literal("ModifyQuerySet"),
    baseVersion: version,
    newVersion: version,
    modifications: z.array(
      z.discriminatedUnion("type", [
        z.object({
          type: z.literal("Add"),
          queryId: version,
          ...request,
          journal: z.string().nullable().optional(),
        }),
        z.object({ type: z.literal("Remove"), queryId: version }),
      ]),
    ),
  }),
  // They are refused, so nothing of them matters.
  z.object({ type: z.literal("Mutation"), requestId: version }),
  z.object({ type: z.literal("Action"), requestId: version }),
  z.object({ type: z.literal("Event") }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

export interface StateVersion {
  querySet: number;
  identity: number;
  ts: bigint;
}

export function encodeTimestamp(ts: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(ts);
  return bytes.toString("base64");
}

export function decodeTimestamp(text: string): bigint {
  return Buffer.from(text, "base64").readBigUInt64LE();
}

export function queryRemoved(queryId: number): string {
  return JSON.stringify({ type: "QueryRemoved", queryId });
}

/** Built of text, for a result is JSON already and goes to many. */
export function queryResult(queryId: number, outcome: Outcome): string {
  if (outcome.ok)
    return `{"type":"QueryUpdated","queryId":${queryId},"value":${outcome.json},"logLines":[],"journal":null}`;
  const { message: errorMessage, data: errorData } = outcome;
  return JSON.stringify({
    type: "QueryFailed",
    queryId,
    errorMessage,
    errorData,
    logLines: [],
    journal: null,
  });
}

export function transition(opts: {
  start: StateVersion;
  end: StateVersion;
  modifications: readonly string[];
  clientClockSkewMs: number | undefined;
}): string {
  const rest = {
    startVersion: encodeVersion(opts.start),
    endVersion: encodeVersion(opts.end),
    clientClockSkew: opts.clientClockSkewMs,
  };
  return `{"type":"Transition","modifications":[${opts.modifications.join(",")}],${JSON.stringify(rest).slice(1)}`;
}

function encodeVersion({ ts, ...version }: StateVersion) {
  return { ...version, ts: encodeTimestamp(ts) };
}

/** Halves of a surrogate pair must stay together: each part is sent as UTF-8. */
const PART_CHARS = 1_000_000;

/** @returns the message itself, or the parts in which it is to be sent, one right after the other */
export function splitTransition(message: string, transitionId: string): string[] {
  // A character takes three bytes of UTF-8 at most, so most need no counting.
  if (message.length * 3 <= SOCKET_LIMITS.transitionBytes) return [message];
  if (Buffer.byteLength(message) <= SOCKET_LIMITS.transitionBytes) return [message];
  const chunks: string[] = [];
  for (let from = 0; from < message.length;) {
    const to = from + PART_CHARS;
    const isSplitPair = (message.codePointAt(to - 1) ?? 0) > 0xffff;
    chunks.push(message.slice(from, isSplitPair ? to + 1 : to));
    from = isSplitPair ? to + 1 : to;
  }
  return chunks.map((chunk, partNumber) =>
    JSON.stringify({
      type: "TransitionChunk",
      chunk,
      partNumber,
      totalParts: chunks.length,
      transitionId,
    }),
  );
}

export function authError(error: string, baseVersion: number, authUpdateAttempted: boolean): string {
  return JSON.stringify({ type: "AuthError", error, baseVersion, authUpdateAttempted });
}

export function fatalError(error: string): string {
  return JSON.stringify({ type: "FatalError", error });
}

export function requestRefused(type: "Mutation" | "Action", requestId: number, result: JSONValue): string {
  return JSON.stringify({ type: `${type}Response`, requestId, success: false, result, logLines: [] });
}

export const PING = JSON.stringify({ type: "Ping" });
