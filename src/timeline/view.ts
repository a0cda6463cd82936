/** The conversation as people see it. Everything here is plain data and never changed in place. */
import type {
  AgentState,
  EventDataOf,
  Failure,
  ModelRef,
  PartKind,
  PermissionMode,
  ProvisioningStep,
  Question,
  RequestKind,
  SessionStatus,
  TokenUsage,
  TurnOutcome,
} from "../../sidecar/src/contract";

export interface ToolView {
  name: string;
  /** Empty until the model has given it. */
  input: Record<string, unknown>;
  output: string;
  status: "pending" | "running" | "completed" | "error";
  title: string | null;
  durationMs: number | null;
  exitCode: number | null;
  /** Unified diff, of tools that edit. */
  diff: string | null;
  error: string | null;
}

export interface PartView {
  id: string;
  kind: PartKind;
  text: string;
  state: "streaming" | "done";
  /** Of kind `tool` alone. */
  tool?: ToolView;
  file?: { name: string; mime: string; url?: string };
  files?: readonly string[];
  /** ISO 8601 UTC; missing when the timeline began later. */
  startedAt?: string;
  endedAt?: string;
}

export interface MessageView {
  /** The agent's message id; of a prompt that has not become a message yet, the prompt's id. */
  id: string;
  role: "user" | "assistant";
  /** `shell`: a command that a person ran; its text is the command. */
  kind: "message" | "shell";
  state: "queued" | "streaming" | "done";
  turnId?: string;
  /** Set on what a person sent; stays the same when the prompt becomes a message. */
  promptId?: string;
  model?: ModelRef;
  agent?: string;
  /** The person's user id. */
  by?: string;
  /** Of what a person sent and what was then not run: refused by the agent, or stopped before it began. */
  cancelled?: { reason?: string };
  /** The sub-agent's conversation; absent in the main one. */
  childId?: string;
  tokens?: TokenUsage;
  /** USD */
  cost?: number;
  error?: Failure;
  parts: readonly PartView[];
  /** Where it began in the log: the cursor for {@link timelineWindow}. */
  startedSeq: number;
  /** ISO 8601 UTC */
  at: string;
}

export interface TurnView {
  turnId: string;
  promptId: string;
  /** null while it runs. */
  outcome: TurnOutcome | null;
  error?: Failure;
  startedAt: string;
  endedAt: string | null;
  /** The message of the prompt, once there is one. */
  userMessageId?: string;
}

export interface RequestView {
  requestId: string;
  kind: RequestKind;
  title: string;
  detail: string;
  patterns?: readonly string[];
  always?: readonly string[];
  questions?: readonly Question[];
  messageId?: string;
  partId?: string;
  childId?: string;
  openedAt: string;
  /** null while it waits for an answer. */
  outcome: EventDataOf<"request.closed">["outcome"] | null;
  by?: string;
  message?: string;
}

export interface ChildView {
  childId: string;
  title: string;
  state: "running" | "ended";
  /** The tool part that started it. */
  messageId?: string;
  partId?: string;
}

export type TodoView = EventDataOf<"todo.updated">["todos"][number];
export type FileChangeView = EventDataOf<"changes.updated">["files"][number];

export interface StatusView {
  status: SessionStatus;
  step: ProvisioningStep | null;
  reason: Failure | null;
  agentState: AgentState;
}

/** What `session.updated` has said so far. */
export interface SettingsView {
  title?: string;
  model?: ModelRef;
  agent?: string;
  permissionMode?: PermissionMode;
  visibility?: EventDataOf<"session.updated">["visibility"];
  archived?: boolean;
}

/** The session as it was when event `afterSeq` was the last; what came between that and `seq` is undone. */
export interface RestoreView {
  seq: number;
  afterSeq: number;
  snapshotId: string;
  name: string;
  madeAt: string;
  /** Of which session it is a copy, where it began as one. */
  from?: { sessionId: string; title: string } | undefined;
}

/** A model call that failed and is made again at `nextAt`; `message` says why, and what can be done but wait. */
export interface RetryView {
  /** As of a {@link Failure}; missing in old events. */
  code?: string;
  attempt: number;
  message: string;
  detail?: string;
  nextAt: string;
  childId?: string;
}

export type ErrorView = Failure & { seq: number; at: string; childId?: string };

/** Sums over all messages, sub-agents' included. Cost in USD. */
export interface TotalsView {
  tokens: TokenUsage;
  cost: number;
}
