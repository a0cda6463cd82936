import { and, count, eq, max } from "drizzle-orm";
import type { Failure, ModelRef, SidecarEventBody } from "../../../sidecar/src/contract";
import type { PromptRequest } from "../../../sidecar/src/protocol";
import type { Logger } from "../log";
import { type Clock, isoNow } from "../clock";
import type { Database, Store } from "../db/database";
import { type Attachment, prompts } from "../db/schema";
import { AppError } from "../errors";
import type { EventLog, LogTransaction } from "../events/event-log";
import { newId } from "../ids";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError, type SidecarErrorCode } from "../sidecar-client/sidecar-error";
import type { Connection } from "./connections";
import type { KeyedMutex } from "./keyed-mutex";
import { titleByPrompt } from "./decisions";
import { SESSION_LIMITS } from "./limits";
import { createPromptSenders } from "./prompt-senders";
import { firstInState, type PromptId, type PromptRow, untilEnded } from "./running-prompt";
import { findSession, setStatus, type SessionRow } from "./session-store";
import { setTitle } from "./session-marks";
import { createWaitingNotices } from "./waiting-notices";

export interface NewPrompt {
  sessionId: string;
  userId: string;
  key: string;
  kind: "prompt" | "shell";
  text: string;
  model?: ModelRef | undefined;
  agent?: string | undefined;
  effort?: string | undefined;
  attachments?: Attachment[] | undefined;
}

export interface PromptQueue {
  /**
   * Durable at once; the same key again gives the first answer and adds nothing.
   * @throws AppError `bad_input` as {@link answered}, `session_busy` when too many wait already
   */
  add(prompt: NewPrompt): { promptId: string; state: "running" | "queued" };
  /** As {@link add}, in a transaction of the caller's and with a key that is new; it waits for a dispatch. */
  insert(tx: LogTransaction, prompt: NewPrompt): void;
  /**
   * The answer given before for this key, if any.
   * @throws AppError `bad_input` when it was given to somebody else, whose prompt this is not
   */
  answered(
    prompt: Pick<NewPrompt, "sessionId" | "userId" | "key">,
  ): { promptId: string; state: "running" | "queued" } | null;
  /**
   * Hands the next prompt to the session's agent when it is free. Safe to call at any time and often: a prompt that was
   * handed over but not seen to start is handed over again under its own id, which the sidecar runs once.
   */
  dispatch(sessionId: string): Promise<void>;
  /**
   * Ends the running turn. Where none runs, the first prompt in line leaves it and the next one's turn comes: it waits for
   * the session to start, or was handed over and did not arrive.
   * @returns false when there was nothing to stop
   * @throws SidecarError when the agent cannot be asked
   */
  abort(sessionId: string): Promise<boolean>;
  /** The rows' side of a turn's events. */
  onEvent(tx: LogTransaction, sessionId: string, body: SidecarEventBody): void;
}

interface Deps {
  db: Database;
  log: EventLog;
  clock: Clock;
  logger: Logger;
  mutex: KeyedMutex;
  /** The session's agent when it takes prompts, else null. */
  clientOf(sessionId: string): SidecarClient | null;
  /** Its sidecar, also while the agent takes none. */
  connectionOf(sessionId: string): Pick<Connection, "client"> | null;
}

/** Refusals after which the prompt waits for the next dispatch; with any other it ends. */
const WAITS: ReadonlySet<string> = new Set<SidecarErrorCode>(["unreachable", "busy", "not_ready"]);

export function createPromptQueue(deps: Deps): PromptQueue {
  const { db, log, clock } = deps;
  const notices = createWaitingNotices(clock);
  const senders = createPromptSenders();

  const insert = (tx: LogTransaction, prompt: NewPrompt, state: "running" | "queued"): string => {
    const promptId = insertPrompt(tx, prompt, { state, now: isoNow(clock) });
    senders.remember(promptId);
    deps.logger.info({ sessionId: prompt.sessionId, promptId }, "prompt in line");
    return promptId;
  };
  const handOver = async (client: SidecarClient, session: SessionRow, next: PromptRow) => {
    const { turnId } = await client.prompt(promptRequestOf(session, next));
    deps.logger.info({ sessionId: session.id, promptId: next.id, turnId }, "prompt handed over");
  };

  const answered: PromptQueue["answered"] = ({ sessionId, userId, key }) => {
    const row = db
      .select({ promptId: prompts.id, state: prompts.answeredState, userId: prompts.userId })
      .from(prompts)
      .where(and(eq(prompts.sessionId, sessionId), eq(prompts.key, key)))
      .get();
    if (!row) return null;
    if (row.userId !== userId) throw keyTaken();
    return { promptId: row.promptId, state: row.state };
  };

  return {
    answered,
    add(prompt) {
      return (
        answered(prompt) ??
        log.transaction((tx) => {
          requireRoom(tx.store, prompt.sessionId);
          const free = deps.clientOf(prompt.sessionId) !== null && !firstOpen(db, prompt.sessionId);
          const state = free ? "running" : "queued";
          const promptId = insert(tx, prompt, state);
          if (prompt.kind === "prompt") titleUntitled(tx, prompt);
          return { promptId, state };
        })
      );
    },
    insert: (tx, prompt) => void insert(tx, prompt, "queued"),
    dispatch: (sessionId) =>
      deps.mutex.run(sessionId, async () => {
        const client = deps.clientOf(sessionId);
        const session = findSession(db, sessionId);
        // A turn that runs needs nothing: its end brings us here again.
        if (!client || !session || session.status === "active") return;
        const next = log.transaction((tx) => takeNext(tx, sessionId, isoNow(clock)));
        if (!next) return;
        try {
          await senders.handOver(next.id, () => handOver(client, session, next));
          notices.taken(sessionId);
        } catch (error) {
          if (!(error instanceof SidecarError)) throw error;
          deps.logger.warn(
            { sessionId, promptId: next.id, code: error.code, detail: error.detail },
            "prompt not taken by the agent",
          );
          const isWaiting = WAITS.has(error.code);
          if (isWaiting && !notices.refused(next)) return;
          log.transaction((tx) => {
            if (!isWaiting) cancel(tx, next, { reason: error.message, now: isoNow(clock) });
            tx.append(sessionId, { type: "error", data: failureOf(error) });
          });
        }
      }),
    // Never while a prompt is being handed over: it would be cancelled here and run there.
    abort: (sessionId) =>
      deps.mutex.run(sessionId, async () => {
        const running = firstInState(db, sessionId, "running");
        const answer = await deps.connectionOf(sessionId)?.client.abort(running?.id);
        if (answer?.aborted) {
          // Whoever stops twice must not meet the same prompt again.
          if (running) await untilEnded(db, running.id);
          return true;
        }
        // It has just ended by itself; its last events are on the way.
        if (answer?.known) return false;
        return log.transaction((tx) => {
          const first = firstOpen(tx.store, sessionId);
          if (!first) return false;
          cancel(tx, first, { reason: "Stopped before it began.", now: isoNow(clock) });
          return true;
        });
      }),
    onEvent(tx, sessionId, body) {
      if (body.type === "turn.started") {
        // Not in a session that is still starting: then it is the past of the container before this one.
        if (findSession(tx.store, sessionId)?.status === "idle")
          setStatus(tx, sessionId, { status: "active" });
      } else if (body.type === "turn.ended") {
        const { promptId, outcome } = body.data;
        tx.store
          .update(prompts)
          .set({ state: "done", outcome, endedAt: isoNow(clock) })
          .where(and(eq(prompts.id, promptId), eq(prompts.sessionId, sessionId)))
          .run();
        if (findSession(tx.store, sessionId)?.status === "active")
          setStatus(tx, sessionId, { status: "idle" });
      }
    },
  };
}

function requireRoom(store: Store, sessionId: string): void {
  const waiting = store
    .select({ n: count() })
    .from(prompts)
    .where(and(eq(prompts.sessionId, sessionId), eq(prompts.state, "queued")))
    .get();
  const most = SESSION_LIMITS.maxWaitingPrompts;
  if ((waiting?.n ?? 0) < most) return;
  throw new AppError(
    "CONFLICT",
    "session_busy",
    `${most} prompts wait in this session already. Let some of them run, or stop them, then send it again.`,
  );
}

function keyTaken(): AppError {
  return new AppError(
    "CONFLICT",
    "bad_input",
    "Somebody else used this key in this session. Send the prompt with another one, such as a UUID.",
  );
}

function firstOpen(store: Store, sessionId: string): PromptId | undefined {
  return firstInState(store, sessionId, "running") ?? firstInState(store, sessionId, "queued");
}

function titleUntitled(tx: LogTransaction, { sessionId, text }: NewPrompt): void {
  const session = findSession(tx.store, sessionId);
  const title = session ? titleByPrompt(session, text) : null;
  if (session && title !== null) setTitle(tx, session, title);
}

function insertPrompt(
  tx: LogTransaction,
  prompt: NewPrompt,
  opts: { state: "running" | "queued"; now: string },
): string {
  const id = newId("prm");
  const last = tx.store
    .select({ position: max(prompts.position) })
    .from(prompts)
    .where(eq(prompts.sessionId, prompt.sessionId))
    .get();
  tx.store
    .insert(prompts)
    .values({
      ...prompt,
      id,
      state: "queued",
      answeredState: opts.state,
      position: (last?.position ?? 0) + 1,
      createdAt: opts.now,
    })
    .run();
  tx.append(prompt.sessionId, {
    type: "prompt.queued",
    data: {
      promptId: id,
      text: prompt.text,
      kind: prompt.kind,
      by: prompt.userId,
      ...(prompt.model ? { model: prompt.model } : {}),
      ...(prompt.agent ? { agent: prompt.agent } : {}),
    },
  });
  return id;
}

/** The prompt that was handed over and not seen to start, else the next in line, which becomes the one that runs. */
function takeNext(tx: LogTransaction, sessionId: string, now: string): PromptRow | null {
  const running = firstInState(tx.store, sessionId, "running");
  const next = running ?? firstInState(tx.store, sessionId, "queued");
  if (!next) return null;
  if (!running) {
    tx.store.update(prompts).set({ state: "running", startedAt: now }).where(eq(prompts.id, next.id)).run();
    tx.append(sessionId, { type: "prompt.started", data: { promptId: next.id } });
  }
  return tx.store.select().from(prompts).where(eq(prompts.id, next.id)).get() ?? null;
}

function failureOf({ code, message, detail }: SidecarError): Failure {
  return { code, message, ...(detail ? { detail } : {}) };
}

function cancel(tx: LogTransaction, prompt: PromptId, opts: { reason: string; now: string }): void {
  tx.store
    .update(prompts)
    .set({ state: "cancelled", endedAt: opts.now })
    .where(eq(prompts.id, prompt.id))
    .run();
  tx.append(prompt.sessionId, {
    type: "prompt.cancelled",
    data: { promptId: prompt.id, reason: opts.reason },
  });
}

function promptRequestOf(session: SessionRow, prompt: PromptRow): PromptRequest {
  return {
    promptId: prompt.id,
    kind: prompt.kind,
    text: prompt.text,
    settings: {
      model: prompt.model ?? session.model,
      agent: prompt.agent ?? session.agent,
      permissionMode: session.permissionMode,
      title: session.title,
    },
    ...(prompt.effort ? { effort: prompt.effort } : {}),
    ...(prompt.attachments ? { attachments: prompt.attachments } : {}),
  };
}
