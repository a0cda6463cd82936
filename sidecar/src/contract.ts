/**
 * The wire between server and sidecar, and the event vocabulary of the product.
 * Owned by the sidecar; the server, the timeline and the client import it. One zod schema a message, types inferred.
 */
import { z } from "zod";

/** Raised when a change here makes an old sidecar and a new server unable to talk. */
export const CONTRACT_VERSION = 1;

/** No event's JSON is larger than this; longer texts are cut or split by whoever makes the event. Bytes. */
export const MAX_EVENT_BYTES = 256 * 1024;

const id = z.string().min(1).max(128);
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
const inChild = { childId: id.optional() };

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
  /** server. `kind` shell: a command the person ran, not a prompt to the model. */
  "prompt.queued": z.object({
    promptId: id,
    text: z.string(),
    kind: z.enum(["prompt", "shell"]),
    by: id,
    model: modelRef.optional(),
    agent: z.string().optional(),
  }),
  /** server */
  "prompt.edited": z.object({ promptId: id, text: z.string() }),
  /** server */
  "prompt.started": z.object({ promptId: id }),
  /** server */
  "prompt.cancelled": z.object({ promptId: id, reason: z.string().optional() }),
  "turn.started": z.object({ turnId: id, promptId: id }),
  "turn.ended": z.object({ turnId: id, promptId: id, outcome: turnOutcome, error: failure.optional() }),
  "message.started": z.object({
    messageId: id,
    role: z.enum(["user", "assistant"]),
    turnId: id.optional(),
    model: modelRef.optional(),
    ...inChild,
  }),
  "message.ended": z.object({
    messageId: id,
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
    messageId: id,
    partId: id,
    kind: partKind,
    text: text.optional(),
    tool: z.string().max(200).optional(),
    file: z.object({ name: z.string(), mime: z.string(), url: z.string().optional() }).optional(),
    files: z.array(z.string()).optional(),
    ...inChild,
  }),
  /** Appended to the part's text. */
  "part.delta": z.object({ messageId: id, partId: id, text, ...inChild }),
  /** `text`, when present, replaces what the deltas made (they differed). */
  "part.ended": z.object({ messageId: id, partId: id, text: text.optional(), ...inChild }),
  "tool.input": z.object({
    messageId: id,
    partId: id,
    tool: z.string().max(200),
    /** The tool's arguments as the model gave them; long strings cut. */
    input: z.record(z.string(), z.unknown()),
    ...inChild,
  }),
  /** Output appended since the last event: never the whole. */
  "tool.output": z.object({ messageId: id, partId: id, suffix: text, ...inChild }),
  "tool.ended": z.object({
    messageId: id,
    partId: id,
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
    requestId: id,
    kind: requestKind,
    title: z.string().max(2000),
    detail: text,
    patterns: z.array(z.string()).max(200).optional(),
    always: z.array(z.string()).max(200).optional(),
    questions: z.array(question).max(20).optional(),
    /** The tool part that waits for the answer. */
    messageId: id.optional(),
    partId: id.optional(),
    ...inChild,
  }),
  /** server when answered; the sidecar when the agent stopped waiting (`withdrawn`). */
  "request.closed": z.object({
    requestId: id,
    outcome: z.enum(["once", "always", "reject", "answered", "expired", "withdrawn"]),
    by: id.optional(),
    message: z.string().optional(),
  }),
  "changes.updated": z.object({
    files: z.array(z.object({ path: z.string(), additions: z.number(), deletions: z.number() })).max(2000),
  }),
  "turn.reverted": z.object({ messageId: id }),
  "todo.updated": z.object({
    todos: z
      .array(z.object({ content: z.string(), status: z.string(), priority: z.string().optional() }))
      .max(500),
    ...inChild,
  }),
  "child.started": z.object({
    childId: id,
    title: z.string(),
    messageId: id.optional(),
    partId: id.optional(),
  }),
  "child.ended": z.object({ childId: id }),
  "usage.updated": z.object({
    messageId: id,
    model: modelRef,
    tokens: tokenUsage,
    cost: z.number(),
    ...inChild,
  }),
  /** `nextAt`: ISO time of the next try. */
  "retry.scheduled": z.object({ attempt: z.number().int(), message: text, nextAt: z.string(), ...inChild }),
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

/* ---- registration ---------------------------------------------------------------------------------------------- */

/** The one line (JSON, newline) that the server writes to the container's standard input. `token`: 32 bytes, base64url. */
export const bootLine = z.object({
  token: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  sessionId: id,
  instanceId: id,
});
export type BootLine = z.infer<typeof bootLine>;

export const offerRequest = z.object({ nonce: z.string().min(16).max(128) });
/**
 * `publicKey`: the sidecar's ephemeral X25519 key, base64url.
 * `proof`: {@link registrationProofInput} under HMAC-SHA256 with the token's bytes, base64url.
 */
export const offerResponse = z.object({
  publicKey: z.string().max(100),
  proof: z.string().max(100),
  contract: z.number().int(),
  version: z.string(),
});
export type OfferResponse = z.infer<typeof offerResponse>;

/** What the proof signs: every field the two sides must agree on. */
export function registrationProofInput(p: {
  sessionId: string;
  instanceId: string;
  publicKey: string;
  nonce: string;
}): string {
  return ["openagent/register/v1", p.sessionId, p.instanceId, p.publicKey, p.nonce].join("\n");
}

/** An HPKE message (base64url): encapsulated key and ciphertext; one context a message. */
export const sealedMessage = z.object({ enc: z.string().max(200), ciphertext: z.string().max(1024 * 1024) });
export type SealedMessage = z.infer<typeof sealedMessage>;

/**
 * HPKE `info` of a sealed message: binds it to purpose, session and instance. PSK mode: psk = the boot token's 32 bytes,
 * pskId = {@link SEAL_PSK_ID}; so only the server that started this container can make one, and only it can open one.
 */
export function sealInfo(
  purpose: "registration" | "credentials",
  p: { sessionId: string; instanceId: string },
): string {
  return ["openagent/seal/v1", purpose, p.sessionId, p.instanceId].join("\n");
}
export const SEAL_PSK_ID = "openagent-boot-token";

/** How the credential proxy adds a provider's key: which header, which origin. The agent's request never chooses either. */
export const providerCredential = z.object({
  providerId: z.string().min(1).max(100),
  /** Upstream base, with the path prefix the provider's API lives under; requests are joined to it. */
  baseUrl: z.url(),
  auth: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("bearer") }),
    z.object({ kind: z.literal("header"), header: z.string().max(100) }),
    z.object({ kind: z.literal("none") }),
  ]),
  key: z.string().max(4096),
  /** opencode's provider package, such as `@ai-sdk/anthropic`. */
  npm: z.string().max(200),
  name: z.string().max(200),
  models: z.array(
    z.object({
      id: z.string().max(200),
      name: z.string().max(200),
      toolCall: z.boolean(),
      reasoning: z.boolean(),
      attachment: z.boolean(),
      contextTokens: z.number().int().nonnegative(),
      outputTokens: z.number().int().nonnegative(),
      /** USD per million tokens */
      price: z.object({
        input: z.number(),
        output: z.number(),
        cacheRead: z.number(),
        cacheWrite: z.number(),
      }),
    }),
  ),
});
export type ProviderCredential = z.infer<typeof providerCredential>;

export const agentSettings = z.object({
  model: modelRef,
  agent: z.string().max(100),
  permissionMode,
  title: z.string().max(500),
});
export type AgentSettings = z.infer<typeof agentSettings>;

/** Sealed under purpose `registration`. */
export const registrationPayload = z.object({
  /** Bearer token for every other route of this instance. */
  bearer: z.string().min(32).max(128),
  /** Marks the sidecar's own connections on egress.sock (`Proxy-Authorization: Bearer …`). */
  egressSecret: z.string().min(32).max(128),
  /** The epoch this registration opens. */
  epoch: z.number().int().positive(),
  /** The last position the server holds; the spool is sent from after it. */
  held: spoolPosition.nullable(),
  providers: z.array(providerCredential).max(100),
  settings: agentSettings,
});
export type RegistrationPayload = z.infer<typeof registrationPayload>;

/** Sealed under purpose `credentials`: replaces the table; takes effect between turns. */
export const credentialsPayload = z.object({ providers: z.array(providerCredential).max(100) });
export type CredentialsPayload = z.infer<typeof credentialsPayload>;

/* ---- control (all with the instance's bearer token) -------------------------------------------------------------- */

export const healthResponse = z.object({
  contract: z.number().int(),
  version: z.string(),
  registered: z.boolean(),
  /** `starting` until opencode listens; `ready` accepts prompts; `failed` with the reason. */
  agent: z.enum(["off", "starting", "ready", "failed"]),
  reason: failure.nullable(),
  turn: z.object({ turnId: id, promptId: id }).nullable(),
});
export type HealthResponse = z.infer<typeof healthResponse>;

/** Same `promptId` again: same answer, runs once. 409 `busy` while another turn runs. */
export const promptRequest = z.object({
  promptId: id,
  kind: z.enum(["prompt", "shell"]),
  text: z
    .string()
    .min(1)
    .max(1024 * 1024),
  settings: agentSettings,
  effort: z.string().max(50).optional(),
  attachments: z
    .array(
      z.object({
        name: z.string().max(255),
        mime: z.string().max(100),
        dataUrl: z.string().max(8 * 1024 * 1024),
      }),
    )
    .max(10)
    .optional(),
});
export type PromptRequest = z.infer<typeof promptRequest>;
export const promptResponse = z.object({ turnId: id });

export const abortResponse = z.object({ aborted: z.boolean() });

export const requestReply = z.union([
  z.object({ reply: z.enum(["once", "always", "reject"]), message: z.string().max(10_000).optional() }),
  z.object({ answers: z.array(z.array(z.string().max(10_000)).max(50)).max(20) }),
]);
export type RequestReply = z.infer<typeof requestReply>;
/** `gone`: the agent no longer waits (turn over, agent restarted). */
export const requestReplyResponse = z.object({ delivered: z.boolean(), gone: z.boolean() });

/** `GET /events?epoch&n`: newline-delimited JSON, one of these a line; never ends by itself; `heartbeat` every 5 s. */
export const eventStreamLine = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("events"), events: z.array(spooledEvent).max(1000) }),
  z.object({ kind: z.literal("heartbeat") }),
]);
export type EventStreamLine = z.infer<typeof eventStreamLine>;

export const terminalSize = z.object({
  cols: z.number().int().min(2).max(1000),
  rows: z.number().int().min(2).max(500),
});
export const terminalCreateRequest = terminalSize.extend({ terminalId: id });
export const terminalInfo = z.object({
  terminalId: id,
  cols: z.number().int(),
  rows: z.number().int(),
  running: z.boolean(),
  exitCode: z.number().int().nullable(),
  /** Bytes written by the program since the start; the ring buffer holds the last 256 KiB of them. */
  endOffset: z.number().int().nonnegative(),
});
export type TerminalInfo = z.infer<typeof terminalInfo>;
export const terminalList = z.object({ terminals: z.array(terminalInfo) });

/**
 * `GET /terminals/:id/attach?afterByte=N` upgraded to a WebSocket.
 * Server side of the socket (sidecar → us): binary frames = 8 bytes big-endian offset of the first byte, then bytes; text frames = {@link terminalNotice}.
 * Client side (us → sidecar): text frames = {@link terminalCommand}.
 */
export const terminalNotice = z.discriminatedUnion("type", [
  /** First frame, and after each resize. `fromOffset`: where replay starts (later than asked when the ring moved on). */
  z.object({
    type: z.literal("state"),
    cols: z.number().int(),
    rows: z.number().int(),
    fromOffset: z.number().int(),
  }),
  z.object({ type: z.literal("exit"), code: z.number().int() }),
]);
export type TerminalNotice = z.infer<typeof terminalNotice>;
export const terminalCommand = z.discriminatedUnion("type", [
  z.object({ type: z.literal("input"), data: z.string().max(64 * 1024) }),
  z.object({ type: z.literal("resize"), ...terminalSize.shape }),
  /** The viewer has taken everything up to this byte; the program is paused when the fastest viewer lags. */
  z.object({ type: z.literal("ack"), offset: z.number().int().nonnegative() }),
]);
export type TerminalCommand = z.infer<typeof terminalCommand>;

/** Every non-2xx body. `code` is for switches, `message` for people. */
export const sidecarError = z.object({
  code: z.enum([
    "unauthorized",
    "bad_request",
    "not_found",
    "busy",
    "not_ready",
    "already_registered",
    "agent_failed",
    "internal",
  ]),
  message: z.string(),
  detail: z.string().optional(),
});
export type SidecarErrorBody = z.infer<typeof sidecarError>;

/* ---- fixed places in the image ------------------------------------------------------------------------------------ */

export const PATHS = {
  /** Bind mount of the host's run/<instance> directory. */
  run: "/run/openagent",
  sidecarSocket: "/run/openagent/sidecar.sock",
  egressSocket: "/run/openagent/egress.sock",
  /** Volume, uid 1000. */
  workspace: "/workspace",
  /** Volume: spool (uid 900, 0700) and opencode's data (uid 1000, 0700). */
  spool: "/state/spool",
  agentData: "/state/agent",
  /** Read-only in the image. */
  modelsFile: "/opt/openagent/models.json",
  opencode: "/opt/openagent/bin/opencode",
  node: "/usr/local/bin/node",
} as const;

/** Loopback ports inside the container. */
export const PORTS = {
  /** Forwarder to egress.sock, what HTTP_PROXY names. */
  egressForwarder: 3128,
  /** Credential proxy: `http://127.0.0.1:3129/<providerId>/…`. */
  credentialProxy: 3129,
  /** opencode serve. */
  opencode: 4096,
} as const;

export const SIDECAR_UID = 900;
export const AGENT_UID = 1000;
