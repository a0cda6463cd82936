/** The system of record. Ids are opaque with a prefix; times are ISO 8601 UTC strings; money is USD. */
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type {
  AgentState,
  EventType,
  Failure,
  ModelRef,
  PermissionMode,
  ProvisioningStep,
  Question,
  RequestKind,
  SessionStatus,
  TurnOutcome,
} from "../../../sidecar/src/contract";
import type { RequestReply } from "../../../sidecar/src/protocol";

export const ROLES = ["owner", "admin", "member", "viewer"] as const;
export type Role = (typeof ROLES)[number];
export type Visibility = "private" | "team-read" | "team-write";

/** Facts of this installation: `claimedAt`, `authSecret`, `masterKeyCheck`, `mirrorKey`, `mirrorJwks`, `mirrorTarget`, `settings`, `writeCheckedAt`. */
export const installation = sqliteTable("installation", {
  name: text("name").primaryKey(),
  value: text("value").notNull(),
});

export const users = sqliteTable(
  "users",
  {
    id: text("id").primaryKey(),
    /** Lower case. */
    email: text("email").notNull(),
    name: text("name").notNull(),
    role: text("role").$type<Role>().notNull(),
    /** argon2id, in PHC form. */
    passwordHash: text("password_hash").notNull(),
    disabledAt: text("disabled_at"),
    createdAt: text("created_at").notNull(),
    /** Raised by whatever takes access away; a Convex token of an earlier one is worth nothing. */
    epoch: integer("epoch").notNull().default(0),
  },
  (t) => [uniqueIndex("users_email").on(t.email)],
);

/** Accounts elsewhere (GitHub, an OpenID provider) with which people sign in. */
export const identities = sqliteTable(
  "identities",
  {
    /** The provider's address, such as `https://github.com`. */
    issuer: text("issuer").notNull(),
    /** The account's id there, which stays when its name or e-mail address changes. */
    subject: text("subject").notNull(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    createdAt: text("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.issuer, t.subject] }),
    uniqueIndex("identities_user").on(t.userId, t.issuer),
  ],
);

/** A signed-in browser; the cookie's JWT carries only `id`. */
export const loginSessions = sqliteTable(
  "login_sessions",
  {
    id: text("id").primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    createdAt: text("created_at").notNull(),
    expiresAt: text("expires_at").notNull(),
    revokedAt: text("revoked_at"),
    userAgent: text("user_agent").notNull(),
  },
  (t) => [index("login_sessions_user").on(t.userId)],
);

/** Personal access tokens; only the SHA-256 is kept. */
export const apiTokens = sqliteTable(
  "api_tokens",
  {
    id: text("id").primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    name: text("name").notNull(),
    tokenHash: text("token_hash").notNull(),
    /** null: everything its owner may, save what tokens never may. */
    scopes: text("scopes", { mode: "json" }).$type<string[]>(),
    createdAt: text("created_at").notNull(),
    expiresAt: text("expires_at"),
    revokedAt: text("revoked_at"),
    lastUsedAt: text("last_used_at"),
  },
  (t) => [uniqueIndex("api_tokens_hash").on(t.tokenHash), index("api_tokens_user").on(t.userId)],
);

/** Provider keys under envelope encryption: a data key of its own for each row, wrapped by the master key. */
export const providerKeys = sqliteTable(
  "provider_keys",
  {
    id: text("id").primaryKey(),
    /** A user's id, or `team`. */
    scopeOwner: text("scope_owner").notNull(),
    providerId: text("provider_id").notNull(),
    name: text("name").notNull(),
    baseUrl: text("base_url"),
    /** Ids of the models an endpoint of one's own serves; null: those of the catalogue. */
    models: text("models", { mode: "json" }).$type<string[]>(),
    /** The last characters, for people to tell keys apart. */
    hint: text("hint").notNull(),
    sealed: text("sealed").notNull(),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (t) => [uniqueIndex("provider_keys_scope").on(t.scopeOwner, t.providerId)],
);

export interface RepoSource {
  url: string;
  branch?: string;
  depth?: number;
}

/** `savedId`: a snapshot of what there was before; null: there was nothing to keep, as in a copy. */
export interface Replacing {
  kind: "restoring" | "copying";
  snapshotId: string;
  savedId: string | null;
}

export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    ownerId: text("owner_id")
      .notNull()
      .references(() => users.id),
    title: text("title").notNull(),
    status: text("status").$type<SessionStatus>().notNull(),
    step: text("step").$type<ProvisioningStep>(),
    reason: text("reason", { mode: "json" }).$type<Failure>(),
    agentState: text("agent_state").$type<AgentState>().notNull(),
    model: text("model", { mode: "json" }).$type<ModelRef>().notNull(),
    agent: text("agent").notNull(),
    permissionMode: text("permission_mode").$type<PermissionMode>().notNull(),
    repo: text("repo", { mode: "json" }).$type<RepoSource>(),
    visibility: text("visibility").$type<Visibility>().notNull(),
    /** Raised by each registration. */
    epoch: integer("epoch").notNull(),
    /** The last spool position committed to the log. */
    heldEpoch: integer("held_epoch").notNull(),
    heldN: integer("held_n").notNull(),
    lastSeq: integer("last_seq").notNull(),
    /** The container that is this session's now; null when it has none. */
    instanceId: text("instance_id"),
    /** Bearer token and egress secret of the instance, encrypted, so that a restarted server goes on without registering. */
    instanceSecrets: text("instance_secrets"),
    /** Of the container that is or was its last. */
    image: text("image"),
    /** The last image on which its agent became ready, and the contract that the sidecar in it speaks. */
    readyImage: text("ready_image"),
    readyContract: integer("ready_contract"),
    /** An image on which it did not start while it did on `readyImage`; null when there is none. */
    failedImage: text("failed_image"),
    /** Of the sidecar that registered last. */
    version: text("version"),
    /** Whose conversation its agent goes on with, where it is a copy of that session; null: its own. */
    conversationOf: text("conversation_of"),
    /** Its files are only in part those of this snapshot: nothing may run on them. null: they are whole. */
    replacing: text("replacing", { mode: "json" }).$type<Replacing>(),
    /** Of this session alone; null: as the installation says; 0: never. */
    idleStopMinutes: integer("idle_stop_minutes"),
    /** When it is stopped if nobody comes; null while somebody uses it. */
    stopsAt: text("stops_at"),
    /** Where it waits in line to be started, smallest first; null when it does not. */
    queuePlace: integer("queue_place"),
    queueReason: text("queue_reason").$type<QueueReason>(),
    createdAt: text("created_at").notNull(),
    lastActivityAt: text("last_activity_at").notNull(),
    archivedAt: text("archived_at"),
  },
  (t) => [
    index("sessions_owner").on(t.ownerId, t.lastActivityAt),
    index("sessions_status").on(t.status),
    index("sessions_queue").on(t.queuePlace),
  ],
);

/** What sessions in line wait for: one that runs to end, others to be started, the engine. */
export type QueueReason = "session_limit" | "session_busy" | "engine_unreachable";

export type SnapshotState = "making" | "ready" | "failed";

/** States of sessions that one can go back to; the files lie in the data directory. */
export const snapshots = sqliteTable(
  "snapshots",
  {
    id: text("id").primaryKey(),
    sessionId: text("session_id").notNull(),
    name: text("name").notNull(),
    state: text("state").$type<SnapshotState>().notNull(),
    /** Of `failed`. */
    reason: text("reason", { mode: "json" }).$type<Failure>(),
    createdBy: text("created_by").notNull(),
    createdAt: text("created_at").notNull(),
    /** Of its files; with all below null until it is ready. */
    bytes: integer("bytes"),
    /** The log's last event, and the spool position that it had reached. What the spool holds after that is in the files. */
    lastSeq: integer("last_seq"),
    epoch: integer("epoch"),
    heldEpoch: integer("held_epoch"),
    heldN: integer("held_n"),
  },
  (t) => [index("snapshots_session").on(t.sessionId, t.createdAt)],
);

/** One-time tokens of starting instances; only the hash is kept, burned in the transaction that binds the public key. */
export const registrations = sqliteTable("registrations", {
  tokenHash: text("token_hash").primaryKey(),
  sessionId: text("session_id").notNull(),
  instanceId: text("instance_id").notNull(),
  /** For whoever looks into the database: whether a token is still good is asked of a clock that nobody sets. */
  expiresAt: text("expires_at").notNull(),
  burnedAt: text("burned_at"),
  publicKey: text("public_key"),
});

/** The spine. `seq` is dense from 1 in its session; `(epoch, n)` is set on what a sidecar made. */
export const events = sqliteTable(
  "events",
  {
    sessionId: text("session_id").notNull(),
    seq: integer("seq").notNull(),
    at: text("at").notNull(),
    type: text("type").$type<EventType>().notNull(),
    /** JSON */
    data: text("data").notNull(),
    epoch: integer("epoch"),
    n: integer("n"),
  },
  (t) => [
    primaryKey({ columns: [t.sessionId, t.seq] }),
    uniqueIndex("events_spool").on(t.sessionId, t.epoch, t.n),
  ],
);

export type PromptState = "queued" | "running" | "done" | "cancelled";
export interface Attachment {
  name: string;
  mime: string;
  dataUrl: string;
}

export const prompts = sqliteTable(
  "prompts",
  {
    id: text("id").primaryKey(),
    sessionId: text("session_id").notNull(),
    userId: text("user_id").notNull(),
    /** The caller's idempotency key. */
    key: text("key").notNull(),
    kind: text("kind").$type<"prompt" | "shell">().notNull(),
    text: text("text").notNull(),
    model: text("model", { mode: "json" }).$type<ModelRef>(),
    agent: text("agent"),
    effort: text("effort"),
    attachments: text("attachments", { mode: "json" }).$type<Attachment[]>(),
    state: text("state").$type<PromptState>().notNull(),
    /** The answer given to the first call, given again to every later one. */
    answeredState: text("answered_state").$type<"running" | "queued">().notNull(),
    outcome: text("outcome").$type<TurnOutcome>(),
    /** The turn that it began; it is never handed over again then, to whatever container. */
    turnId: text("turn_id"),
    position: integer("position").notNull(),
    createdAt: text("created_at").notNull(),
    startedAt: text("started_at"),
    endedAt: text("ended_at"),
  },
  (t) => [
    uniqueIndex("prompts_key").on(t.sessionId, t.key),
    index("prompts_queue").on(t.sessionId, t.state, t.position),
  ],
);

export const requests = sqliteTable(
  "requests",
  {
    id: text("id").primaryKey(),
    sessionId: text("session_id").notNull(),
    kind: text("kind").$type<RequestKind>().notNull(),
    title: text("title").notNull(),
    detail: text("detail").notNull(),
    patterns: text("patterns", { mode: "json" }).$type<string[]>(),
    /** What the answer "always" allows from then on. */
    always: text("always", { mode: "json" }).$type<string[]>(),
    questions: text("questions", { mode: "json" }).$type<Question[]>(),
    openedAt: text("opened_at").notNull(),
    deadline: text("deadline").notNull(),
    /** What happens at the deadline. */
    fallback: text("fallback").$type<"reject">().notNull(),
    outcome: text("outcome").$type<"once" | "always" | "reject" | "answered" | "expired" | "withdrawn">(),
    answer: text("answer", { mode: "json" }).$type<RequestReply>(),
    answeredBy: text("answered_by"),
    closedAt: text("closed_at"),
    /** When the agent got the answer; null and closed: still to be delivered. */
    deliveredAt: text("delivered_at"),
  },
  (t) => [
    index("requests_session").on(t.sessionId, t.closedAt),
    index("requests_deadline").on(t.closedAt, t.deadline),
  ],
);

export const terminals = sqliteTable(
  "terminals",
  {
    id: text("id").primaryKey(),
    sessionId: text("session_id").notNull(),
    instanceId: text("instance_id").notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: text("created_at").notNull(),
    closedAt: text("closed_at"),
  },
  (t) => [index("terminals_session").on(t.sessionId)],
);

/** How far a person has read a session. */
export const reads = sqliteTable(
  "reads",
  {
    userId: text("user_id").notNull(),
    sessionId: text("session_id").notNull(),
    seq: integer("seq").notNull(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.sessionId] })],
);

/**
 * What the mirror has still to be told: which row changed, not how. A change made again gets a new id, so that whoever has
 * told of the one before does not take it away.
 */
export const outbox = sqliteTable(
  "outbox",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    topic: text("topic").$type<OutboxTopic>().notNull(),
    key: text("key").notNull(),
  },
  (t) => [uniqueIndex("outbox_mark").on(t.topic, t.key)],
);
/** `rebuild`: the mirror is to let go of all that it has of a session and to be told it again. */
export type OutboxTopic = "session" | "events" | "request" | "person" | "read" | "rebuild";
