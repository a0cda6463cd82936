/**
 * What server and sidecar say to each other: registration, control, terminals. Owned by the sidecar; the server imports it.
 * One zod schema a message, types inferred.
 */
import { z } from "zod";
import { failure, modelRef, permissionMode, spooledEvent, spoolPosition, wireId } from "./contract";

/**
 * Raised when a change here makes an old sidecar and a new server unable to talk. Within one contract either may be the
 * newer: a field that is added has a default or is optional. `health` and `offer` say `contract` and `version` for ever, so
 * that two that cannot talk find out.
 */
export const CONTRACT_VERSION = 1;

/** Follows one request of a person from the browser to opencode; on every call that such a request led to. */
export const REQUEST_ID_HEADER = "x-request-id";
export const requestId = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/);

/* ---- registration ---------------------------------------------------------------------------------------------- */

/** The one line (JSON, newline) that the server writes to the container's standard input. `token`: 32 bytes, base64url. */
export const bootLine = z.object({
  token: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  sessionId: wireId,
  instanceId: wireId,
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
  /** The session whose conversation opencode goes on with, where it is another one: this is a copy of that. */
  conversationOf: wireId.optional(),
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
  turn: z.object({ turnId: wireId, promptId: wireId }).nullable(),
});
export type HealthResponse = z.infer<typeof healthResponse>;

/** Same `promptId` again: same answer, runs once. 409 `busy` while another turn runs. */
export const promptRequest = z.object({
  promptId: wireId,
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
export const promptResponse = z.object({ turnId: wireId });

/** `promptId`: only that prompt's turn is meant. Without one, whatever turn runs. */
export const abortRequest = z.object({ promptId: wireId.optional() });
/** `known`: the prompt has come, and its turn ran or runs. One that has not come is refused if it comes after all. */
export const abortResponse = z.object({ aborted: z.boolean(), known: z.boolean() });

export const requestReply = z.union([
  z.object({ reply: z.enum(["once", "always", "reject"]), message: z.string().max(10_000).optional() }),
  z.object({ answers: z.array(z.array(z.string().max(10_000)).max(50)).max(20) }),
]);
export type RequestReply = z.infer<typeof requestReply>;
/** `gone`: the agent no longer waits (turn over, agent restarted). */
export const requestReplyResponse = z.object({ delivered: z.boolean(), gone: z.boolean() });

/** `GET /events?epoch&n`: newline-delimited JSON, one of these a line; never ends by itself; `heartbeat` every 3 s (5 s from sidecars before). */
export const eventStreamLine = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("events"), events: z.array(spooledEvent).max(1000) }),
  z.object({ kind: z.literal("heartbeat") }),
]);
export type EventStreamLine = z.infer<typeof eventStreamLine>;

export const terminalSize = z.object({
  cols: z.number().int().min(2).max(1000),
  rows: z.number().int().min(2).max(500),
});
export const terminalCreateRequest = terminalSize.extend({ terminalId: wireId });
export const terminalInfo = z.object({
  terminalId: wireId,
  cols: z.number().int(),
  rows: z.number().int(),
  running: z.boolean(),
  exitCode: z.number().int().nullable(),
  /** A program runs in the foreground: the shell does not wait for its next command. Not told by older sidecars. */
  foreground: z.boolean().optional(),
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
    "agent_silent",
    "internal",
  ]),
  message: z.string(),
  detail: z.string().optional(),
});
export type SidecarErrorBody = z.infer<typeof sidecarError>;
