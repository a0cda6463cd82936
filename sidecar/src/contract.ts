/**
 * The event vocabulary of the product. Owned by the sidecar; the server, the timeline and the client import it. One zod
 * schema an event, types inferred. What server and sidecar say to each other stands in protocol.ts.
 */
import { z } from "zod";

/** No event's JSON is larger than this; longer texts are cut or split by whoever makes the event. Bytes. */
export const MAX_EVENT_BYTES = 256 * 1024;

/** Any id that crosses a wire. */
export const wireId = z.string().min(1).max(128);
const text = z.string().max(MAX_EVENT_BYTES);

export const modelRef = z.object({
  providerId: z.string().min(1).max(100),
  modelId: z.string().min(1).max(200),
});
export type ModelRef = z.infer<typeof modelRef>;

export const permissionMode = z.enum(["ask", "edits", "auto"]);
export type PermissionMode = z.infer<typeof permissionMode>;

/** Tokens of one model call; `input` excludes what was read from the provider's cache. */
export const tokenUsage = z.object({
  input: z.number().nonnegative(),
  output: z.number().nonnegative(),
  reasoning: z.number().nonnegative(),
  cacheRead: z.number().nonnegative(),
  cacheWrite: z.number().nonnegative(),
});
export type TokenUsage = z.infer<typeof tokenUsage>;

/** A failure as people see it: `message` is a sentence with the next step, `detail` is technical. */
export const failure = z.object({ code: z.string().max(100), message: text, detail: text.optional() });
export type Failure = z.infer<typeof failure>;

export const sessionStatus = z.enum(["creating", "active", "idle", "stopped", "error"]);
export type SessionStatus = z.infer<typeof sessionStatus>;
export const provisioningStep = z.enum(["image", "volume", "container", "sidecar", "keys", "agent"]);
export type ProvisioningStep = z.infer<typeof provisioningStep>;
export const agentState = z.enum(["awake", "asleep", "waking"]);
export type AgentState = z.infer<typeof agentState>;

export const turnOutcome = z.enum(["done", "aborted", "interrupted", "error"]);
export type TurnOutcome = z.infer<typeof turnOutcome>;
export const partKind = z.enum(["text", "reasoning", "tool", "file", "patch", "compaction"]);
export type PartKind = z.infer<typeof partKind>;
export const requestKind = z.enum(["permission", "question", "egress"]);
export type RequestKind = z.infer<typeof requestKind>;

export const question = z.object({
  question: text,
  header: z.string().max(500),
  options: z.array(z.object({ label: z.string().max(500), description: text })).max(50),
  multiple: z.boolean().optional(),
});
export type Question = z.infer<typeof question>;

/** Where an event of a sub-agent belongs: opencode's id of the child conversation; absent for the main one. */
const inChild = { childId: wireId.optional() };

/**
 * `data` of every event, by type. Types marked "server" are made by the server alone and refused from a sidecar.
 */
export const eventData = {
  /** server */
  "session.status": z.object({
    status: sessionStatus,
    step: provisioningStep.nullable(),
    reason: failure.nullable(),
    agentState,
  }),
  /** server: the fields that changed */
  "session.updated": z.object({
    title: z.string().optional(),
    model: modelRef.optional(),
    agent: z.string().optional(),
    permissionMode: permissionMode.optional(),
    visibility: z.enum(["private", "team-read", "team-write"]).optional(),
    archived: z.boolean().optional(),
  }),
  /**
   * server: files and the agent's memory are as they were when event `seq` was the last; what came after it is undone. With
   * `from`, the session is a copy of another one and what came up to `seq` was copied.
   */
  "session.restored": z.object({
    snapshotId: wireId,
    name: z.string().max(200),
    /** When the snapshot was made, ISO 8601 UTC. */
    madeAt: z.iso.datetime(),
    seq: z.number().int().nonnegative(),
    from: z.object({ sessionId: wireId, title: z.string() }).optional(),
  }),
  /** server. `kind` shell: a command the person ran, not a prompt to the model. */
  "prompt.queued": z.object({
    promptId: wireId,
    text: z.string(),
    kind: z.enum(["prompt", "shell"]),
    by: wireId,
    model: modelRef.optional(),
    agent: z.string().optional(),
  }),
  /** server */
  "prompt.edited": z.object({ promptId: wireId, text: z.string() }),
  /** server: the place among those that wait from now on; 1 is the next to run. */
  "prompt.moved": z.object({ promptId: wireId, position: z.number().int().positive() }),
  /** server */
  "prompt.started": z.object({ promptId: wireId }),
  /** server */
  "prompt.cancelled": z.object({ promptId: wireId, reason: z.string().optional() }),
  "turn.started": z.object({ turnId: wireId, promptId: wireId }),
  "turn.ended": z.object({
    turnId: wireId,
    promptId: wireId,
    outcome: turnOutcome,
    error: failure.optional(),
  }),
  "message.started": z.object({
    messageId: wireId,
    role: z.enum(["user", "assistant"]),
    turnId: wireId.optional(),
    model: modelRef.optional(),
    ...inChild,
  }),
  "message.ended": z.object({
    messageId: wireId,
    role: z.enum(["user", "assistant"]),
    model: modelRef.optional(),
    tokens: tokenUsage.optional(),
    /** USD */
    cost: z.number().optional(),
    error: failure.optional(),
    ...inChild,
  }),
  /** `text` is what the part starts with; deltas follow. `tool` parts carry the tool's name. */
  "part.started": z.object({
    messageId: wireId,
    partId: wireId,
    kind: partKind,
    text: text.optional(),
    tool: z.string().max(200).optional(),
    file: z.object({ name: z.string(), mime: z.string(), url: z.string().optional() }).optional(),
    files: z.array(z.string()).optional(),
    ...inChild,
  }),
  /** Appended to the part's text. */
  "part.delta": z.object({ messageId: wireId, partId: wireId, text, ...inChild }),
  /** `text`, when present, replaces what the deltas made (they differed). */
  "part.ended": z.object({ messageId: wireId, partId: wireId, text: text.optional(), ...inChild }),
  "tool.input": z.object({
    messageId: wireId,
    partId: wireId,
    tool: z.string().max(200),
    /** The tool's arguments as the model gave them; long strings cut. */
    input: z.record(z.string(), z.unknown()),
    ...inChild,
  }),
  /** Output appended since the last event: never the whole. */
  "tool.output": z.object({ messageId: wireId, partId: wireId, suffix: text, ...inChild }),
  "tool.ended": z.object({
    messageId: wireId,
    partId: wireId,
    tool: z.string().max(200),
    status: z.enum(["completed", "error"]),
    title: z.string(),
    durationMs: z.number().nonnegative(),
    exitCode: z.number().int().optional(),
    /** The error's text, when `status` is error. */
    error: text.optional(),
    /** A unified diff, for tools that edit. */
    diff: text.optional(),
    ...inChild,
  }),
  /** From the sidecar when the agent asks; the server makes the durable row of it in the same transaction. */
  "request.opened": z.object({
    requestId: wireId,
    kind: requestKind,
    title: z.string().max(2000),
    detail: text,
    patterns: z.array(z.string()).max(200).optional(),
    always: z.array(z.string()).max(200).optional(),
    questions: z.array(question).max(20).optional(),
    /** The tool part that waits for the answer. */
    messageId: wireId.optional(),
    partId: wireId.optional(),
    ...inChild,
  }),
  /** server when answered; the sidecar when the agent stopped waiting (`withdrawn`). */
  "request.closed": z.object({
    requestId: wireId,
    outcome: z.enum(["once", "always", "reject", "answered", "expired", "withdrawn"]),
    by: wireId.optional(),
    message: z.string().optional(),
  }),
  "changes.updated": z.object({
    files: z.array(z.object({ path: z.string(), additions: z.number(), deletions: z.number() })).max(2000),
  }),
  "turn.reverted": z.object({ messageId: wireId }),
  "todo.updated": z.object({
    todos: z
      .array(z.object({ content: z.string(), status: z.string(), priority: z.string().optional() }))
      .max(500),
    ...inChild,
  }),
  "child.started": z.object({
    childId: wireId,
    title: z.string(),
    messageId: wireId.optional(),
    partId: wireId.optional(),
  }),
  "child.ended": z.object({ childId: wireId }),
  "usage.updated": z.object({
    messageId: wireId,
    model: modelRef,
    tokens: tokenUsage,
    cost: z.number(),
    ...inChild,
  }),
  /**
   * A model call failed and is made again. `code`, `message` and `detail` as of a failure (`code` missing in events of older
   * sidecars, whose `message` is technical); `nextAt`: ISO time of the next try.
   */
  "retry.scheduled": failure.extend({
    code: failure.shape.code.optional(),
    attempt: z.number().int(),
    nextAt: z.string(),
    ...inChild,
  }),
  error: failure.extend(inChild),
} as const;

export type EventType = keyof typeof eventData;
export type EventDataOf<T extends EventType> = z.infer<(typeof eventData)[T]>;
/** A type with its data, discriminated by `type`. */
export type EventBody = { [T in EventType]: { type: T; data: EventDataOf<T> } }[EventType];
/** An event as readers see it: numbered by the server, dense from 1 in its session. `at`: ISO 8601 UTC. */
export type SessionEvent = { seq: number; at: string } & EventBody;

/** Types that a sidecar may make; everything else is the server's. */
export const SIDECAR_EVENT_TYPES = [
  "turn.started",
  "turn.ended",
  "message.started",
  "message.ended",
  "part.started",
  "part.delta",
  "part.ended",
  "tool.input",
  "tool.output",
  "tool.ended",
  "request.opened",
  "request.closed",
  "changes.updated",
  "turn.reverted",
  "todo.updated",
  "child.started",
  "child.ended",
  "usage.updated",
  "retry.scheduled",
  "error",
] as const satisfies readonly EventType[];
export type SidecarEventType = (typeof SIDECAR_EVENT_TYPES)[number];
export type SidecarEventBody = Extract<EventBody, { type: SidecarEventType }>;

/** Position in a sidecar's spool; ordered by epoch, then n. `n` is dense from 1 in its epoch. */
export const spoolPosition = z.object({
  epoch: z.number().int().positive(),
  n: z.number().int().nonnegative(),
});
export type SpoolPosition = z.infer<typeof spoolPosition>;

export const spooledEvent = z.object({
  epoch: z.number().int().positive(),
  n: z.number().int().positive(),
  at: z.iso.datetime(),
  type: z.enum(SIDECAR_EVENT_TYPES),
  data: z.unknown(),
});
/** As written to the spool; `data` is checked by {@link parseEventBody}. */
export type SpooledEvent = z.infer<typeof spooledEvent>;

/**
 * Checks `data` against its type's schema.
 * @throws ZodError when it does not fit.
 */
export function parseEventBody(type: EventType, data: unknown): EventBody {
  // The union over T cannot be expressed by the lookup; schema and type come from the same key.
  return { type, data: eventData[type].parse(data) } as EventBody;
}
