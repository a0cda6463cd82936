import { and, eq, type SQL } from "drizzle-orm";
import type { Failure, SidecarEventBody } from "../../../sidecar/src/contract";
import type { PromptRequest } from "../../../sidecar/src/protocol";
import type { Logger } from "../log";
import { type Clock, isoNow } from "../clock";
import type { Database, Store } from "../db/database";
import { prompts } from "../db/schema";
import type { EventLog, LogTransaction } from "../events/event-log";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { SidecarError, type SidecarErrorCode } from "../sidecar-client/sidecar-error";
import type { Connection } from "./connections";
import type { KeyedMutex } from "./keyed-mutex";
import {
  answeredBefore,
  insertPrompt,
  type NewPrompt,
  type PromptAnswer,
  requireRoom,
  titleUntitled,
} from "./prompt-intake";
import { createPromptSenders } from "./prompt-senders";
import { firstInState, firstOpen, type PromptId, type PromptRow, untilEnded } from "./running-prompt";
import { findSession, setStatus, type SessionRow } from "./session-store";
import { createWaitingNotices } from "./waiting-notices";
import { cancelPrompt, countWaiting, moveToFront } from "./waiting-prompts";

export interface PromptQueue {
  /**
   * Durable at once; the same key again gives the first answer and adds nothing.
   * @throws AppError `bad_input` as {@link answered}, `session_busy` when too many wait already
   */
  add(prompt: NewPrompt): PromptAnswer;
  /** As {@link add}, in a transaction of the caller's and with a key that is new; it waits for a dispatch. */
  insert(tx: LogTransaction, prompt: NewPrompt): void;
  /** {@link answeredBefore} */
  answered(prompt: Pick<NewPrompt, "sessionId" | "userId" | "key">): PromptAnswer | null;
  /**
   * Hands the next prompt to the session's agent when it is free. Safe to call at any time and often: a prompt that was
   * handed over but not seen to start is handed over again under its own id, which the sidecar runs once. One that was seen
   * to start never is, as what it did is done.
   */
  dispatch(sessionId: string): Promise<void>;
  /**
   * Ends the running turn. Where none runs, the first prompt in line leaves it and the next one's turn comes: it waits for
   * the session to start, or was handed over and did not arrive.
   * @returns `aborted` false when there was nothing to stop; `kept`: how many prompts wait after it, the next of which a
   *   dispatch hands over
   * @throws SidecarError when the agent cannot be asked
   */
  abort(sessionId: string): Promise<{ aborted: boolean; kept: number }>;
  /**
   * Puts a waiting prompt before all others, for good, then ends the running turn, so that a dispatch hands it over next. A
   * prompt that is on its way to an agent which did not take it yet stays before it: there is no turn to end.
   * @returns whether a turn was ended for it
   * @throws AppError `not_waiting` when it has begun, or is gone; nothing is ended then
   * @throws SidecarError when the agent cannot be asked; the prompt then is the next all the same
   */
  sendNow(prompt: PromptId): Promise<{ aborted: boolean }>;
  /**
   * Everything that the session's container has to say is in the log. A turn that ended with the container before it, and
   * of which nothing was left to tell how, is ended here as interrupted.
   */
  onCaughtUp(sessionId: string): void;
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

  const answered: PromptQueue["answered"] = (prompt) => answeredBefore(db, prompt);

  /** Never while a prompt is being handed over: it would be cancelled here and run there. */
  const stopTurn = async (sessionId: string): Promise<boolean> => {
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
      cancelPrompt(tx, first, { reason: "Stopped before it began.", now: isoNow(clock) });
      return true;
    });
  };

  const onEvent: PromptQueue["onEvent"] = (tx, sessionId, body) => {
    if (body.type === "turn.started") {
      const { promptId, turnId } = body.data;
      tx.store.update(prompts).set({ turnId }).where(isPrompt(sessionId, promptId)).run();
      // Not in a session that is still starting: then it is the past of the container before this one.
      if (findSession(tx.store, sessionId)?.status === "idle") setStatus(tx, sessionId, { status: "active" });
    } else if (body.type === "turn.ended") {
      const { promptId, outcome } = body.data;
      tx.store
        .update(prompts)
        .set({ state: "done", outcome, endedAt: isoNow(clock) })
        .where(isPrompt(sessionId, promptId))
        .run();
      if (findSession(tx.store, sessionId)?.status === "active") setStatus(tx, sessionId, { status: "idle" });
    }
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
            if (!isWaiting) cancelPrompt(tx, next, { reason: error.message, now: isoNow(clock) });
            tx.append(sessionId, { type: "error", data: failureOf(error) });
          });
        }
      }),
    abort: (sessionId) =>
      deps.mutex.run(sessionId, async () => ({
        aborted: await stopTurn(sessionId),
        kept: countWaiting(db, sessionId),
      })),
    sendNow: ({ id, sessionId }) =>
      deps.mutex.run(sessionId, async () => {
        log.transaction((tx) => moveToFront(tx, id));
        const running = firstInState(db, sessionId, "running");
        if (!running) return { aborted: false };
        // Of whatever turn runs, not of that prompt: the agent refuses for good one that was stopped before it came.
        const answer = await deps.connectionOf(sessionId)?.client.abort();
        if (!answer?.aborted) return { aborted: false };
        await untilEnded(db, running.id);
        return { aborted: true };
      }),
    onCaughtUp(sessionId) {
      const running = runningRow(db, sessionId);
      if (running?.turnId == null || findSession(db, sessionId)?.status !== "idle") return;
      const data = {
        turnId: running.turnId,
        promptId: running.id,
        outcome: "interrupted",
        error: TURN_LOST,
      } as const;
      log.transaction((tx) => {
        tx.append(sessionId, { type: "turn.ended", data });
        onEvent(tx, sessionId, { type: "turn.ended", data });
      });
    },
    onEvent,
  };
}

const TURN_LOST: Failure = {
  code: "turn_lost",
  message:
    "The turn ended with its container, and nothing was left to tell how far it came. Look at the files, then send the prompt again if it is still wanted.",
};

function isPrompt(sessionId: string, promptId: string): SQL | undefined {
  return and(eq(prompts.id, promptId), eq(prompts.sessionId, sessionId));
}

function runningRow(store: Store, sessionId: string): PromptRow | undefined {
  const running = firstInState(store, sessionId, "running");
  return running && store.select().from(prompts).where(eq(prompts.id, running.id)).get();
}

/** The prompt that was handed over and not seen to start, else the next in line, which becomes the one that runs. */
function takeNext(tx: LogTransaction, sessionId: string, now: string): PromptRow | null {
  const running = runningRow(tx.store, sessionId);
  if (running) return running.turnId === null ? running : null;
  const next = firstInState(tx.store, sessionId, "queued");
  if (!next) return null;
  tx.store.update(prompts).set({ state: "running", startedAt: now }).where(eq(prompts.id, next.id)).run();
  tx.append(sessionId, { type: "prompt.started", data: { promptId: next.id } });
  return tx.store.select().from(prompts).where(eq(prompts.id, next.id)).get() ?? null;
}

function failureOf({ code, message, detail }: SidecarError): Failure {
  return { code, message, ...(detail ? { detail } : {}) };
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
