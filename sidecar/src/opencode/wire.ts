/**
 * What we read of opencode's events and messages (opencode 1.18.33), and no more: unknown fields and types pass by.
 */
import { z } from "zod";

const id = z.string().min(1).max(120);

const tokens = z.object({
  input: z.number().default(0),
  output: z.number().default(0),
  reasoning: z.number().default(0),
  cache: z
    .object({ read: z.number().default(0), write: z.number().default(0) })
    .default({ read: 0, write: 0 }),
});

/** An error as opencode names it; `data` differs by name. */
export const agentError = z.object({
  name: z.string(),
  data: z
    .object({
      message: z.string().optional(),
      statusCode: z.number().optional(),
      responseBody: z.string().optional(),
      providerID: z.string().optional(),
    })
    .default({}),
});
export type AgentError = z.infer<typeof agentError>;

export const agentMessage = z.object({
  id,
  sessionID: id,
  role: z.enum(["user", "assistant"]),
  parentID: z.string().optional(),
  time: z.object({ created: z.number(), completed: z.number().optional() }),
  model: z.object({ providerID: z.string(), modelID: z.string() }).optional(),
  providerID: z.string().optional(),
  modelID: z.string().optional(),
  cost: z.number().optional(),
  tokens: tokens.optional(),
  error: agentError.optional(),
});
export type AgentMessage = z.infer<typeof agentMessage>;

const toolState = z.object({
  status: z.enum(["pending", "running", "completed", "error"]),
  input: z.record(z.string(), z.unknown()).optional(),
  output: z.string().optional(),
  title: z.string().optional(),
  error: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  time: z.object({ start: z.number(), end: z.number().optional() }).optional(),
});

const place = { id, messageID: id, sessionID: id };
const span = z.object({ start: z.number(), end: z.number().optional() }).optional();

/** The kinds of part that people see; the others (step-start, step-finish, snapshot, …) do not parse. */
export const agentPart = z.discriminatedUnion("type", [
  z.object({
    ...place,
    type: z.literal("text"),
    text: z.string(),
    synthetic: z.boolean().optional(),
    ignored: z.boolean().optional(),
    time: span,
  }),
  z.object({ ...place, type: z.literal("reasoning"), text: z.string(), time: span }),
  z.object({
    ...place,
    type: z.literal("tool"),
    tool: z.string().max(200),
    callID: z.string(),
    state: toolState,
  }),
  z.object({
    ...place,
    type: z.literal("file"),
    mime: z.string(),
    filename: z.string().optional(),
    url: z.string(),
  }),
  z.object({ ...place, type: z.literal("patch"), files: z.array(z.string()) }),
  z.object({ ...place, type: z.literal("compaction") }),
]);
export type AgentPart = z.infer<typeof agentPart>;
export type AgentTextPart = Extract<AgentPart, { type: "text" | "reasoning" }>;
export type AgentToolPart = Extract<AgentPart, { type: "tool" }>;

const askedBy = z.object({ messageID: id, callID: z.string() }).optional();

const permissionAsked = z.object({
  id,
  sessionID: id,
  permission: z.string(),
  patterns: z.array(z.string()).default([]),
  metadata: z.record(z.string(), z.unknown()).default({}),
  always: z.array(z.string()).default([]),
  tool: askedBy,
});
/** `GET /permission`: what waits now, in the shape of the event. */
export const waitingPermissions = z.array(permissionAsked);
export type PermissionAsked = z.infer<typeof permissionAsked>;

const questionAsked = z.object({
  id,
  sessionID: id,
  questions: z.array(
    z.object({
      question: z.string(),
      header: z.string().default(""),
      options: z.array(z.object({ label: z.string(), description: z.string().default("") })).default([]),
      multiple: z.boolean().optional(),
    }),
  ),
  tool: askedBy,
});
/** `GET /question`, likewise. */
export const waitingQuestions = z.array(questionAsked);
export type QuestionAsked = z.infer<typeof questionAsked>;

const sessionStatus = z.discriminatedUnion("type", [
  z.object({ type: z.literal("idle") }),
  z.object({ type: z.literal("busy") }),
  z.object({ type: z.literal("retry"), attempt: z.number(), message: z.string(), next: z.number() }),
]);

const of = <T extends string, P extends z.ZodType>(type: T, properties: P) =>
  z.object({ type: z.literal(type), properties });

/** The events we act on. */
export const agentEvent = z.discriminatedUnion("type", [
  of("message.updated", z.object({ info: agentMessage })),
  of("message.part.updated", z.object({ part: agentPart })),
  of(
    "message.part.delta",
    z.object({ sessionID: id, messageID: id, partID: id, field: z.string(), delta: z.string() }),
  ),
  of(
    "session.created",
    z.object({ info: z.object({ id, parentID: z.string().optional(), title: z.string().default("") }) }),
  ),
  of("session.status", z.object({ sessionID: id, status: sessionStatus })),
  of("session.idle", z.object({ sessionID: id })),
  of("session.error", z.object({ sessionID: id.optional(), error: agentError.optional() })),
  of(
    "todo.updated",
    z.object({
      sessionID: id,
      todos: z.array(z.object({ content: z.string(), status: z.string(), priority: z.string().optional() })),
    }),
  ),
  of("permission.asked", permissionAsked),
  of("permission.replied", z.object({ sessionID: id, requestID: id })),
  of("question.asked", questionAsked),
  of("question.replied", z.object({ sessionID: id, requestID: id })),
  of("question.rejected", z.object({ sessionID: id, requestID: id })),
]);
export type AgentEvent = z.infer<typeof agentEvent>;

/** One entry of `GET /session/:id/message`; parts that people do not see are dropped. */
export const agentHistory = z.array(
  z.object({
    info: agentMessage,
    parts: z.array(z.unknown()).transform((parts) =>
      parts.flatMap((part) => {
        const parsed = agentPart.safeParse(part);
        return parsed.success ? [parsed.data] : [];
      }),
    ),
  }),
);
export type AgentHistory = z.infer<typeof agentHistory>;

/** `GET /session/status`: only sessions that are not idle are listed. */
export const agentStatuses = z.record(z.string(), z.object({ type: z.string() }));
